"""
Whether it can work on a machine that is not at hand, judged by its files.
"""

import os

import pytest
from ebpf_kit import need_ebpf
from greensdk_ebpf.access import judge, usable
from greensdk_ebpf.layout import MAPS
from rights_kit import CAP_BPF, CAP_PERFMON, run_as

NOWHERE = "/nonexistent/greensdk"


class TestProbe:
    """
    Machines that are not at hand, as their files.
    """

    @pytest.fixture
    def proc(self, tmp_path):
        """
        Return a function that writes a proc file system.
        """

        def write(caps=1 << CAP_BPF | 1 << CAP_PERFMON, last=40, disabled=2):
            kernel = tmp_path / "sys/kernel"
            kernel.mkdir(parents=True)
            (tmp_path / "self").mkdir()
            (tmp_path / "self/status").write_text(f"Name:\tx\nCapInh:\t0\nCapEff:\t{caps:016x}\nCapBnd:\t0\n")
            (kernel / "cap_last_cap").write_text(f"{last}\n")
            (kernel / "perf_event_paranoid").write_text("4\n")
            if disabled is not None:
                (kernel / "unprivileged_bpf_disabled").write_text(f"{disabled}\n")
            os.chmod(tmp_path, 0o755)
            return str(tmp_path)

        return write

    def test_a_kernel_without_bpf(self, proc):
        """
        It lacks the setting, too.
        """
        assert (False, "this kernel is built without CONFIG_BPF_SYSCALL", "") == judge(NOWHERE, proc(disabled=None))

    def test_an_old_kernel(self, proc):
        """
        It does not know the capabilities.
        """
        answer = judge(NOWHERE, proc(last=37))

        assert not answer.ok
        assert answer.reason.endswith("is too old for it: 5.8 is the first that is not")

    def test_settings_are_quoted(self, proc):
        """
        With the values that they have.
        """
        answer = judge(NOWHERE, proc(caps=0, disabled=1))

        assert "(kernel.unprivileged_bpf_disabled is 1, kernel.perf_event_paranoid is 4)" in answer.reason

    def test_sys_admin_stands_for_both(self, proc):
        """
        As it did before there were the two.
        """
        need_ebpf()

        assert judge(NOWHERE, proc(caps=1 << 21)).ok

    def test_capabilities_of_a_user_namespace_do_not_help(self, proc):
        """
        They look right, but the kernel refuses.
        """
        need_ebpf()

        fd = os.open(proc(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            answer = run_as(judge, NOWHERE, f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)

        assert not answer.ok
        assert "although this process has the capabilities" in answer.reason
        assert "--cap-add BPF --cap-add PERFMON" in answer.fix

    def test_a_group_with_a_name_is_called_by_it(self, tmp_path):
        """
        A directory that is shut already tells.
        """
        need_ebpf()
        os.chmod(tmp_path, 0o755)
        folder = tmp_path / "bpf"
        folder.mkdir()
        for name in MAPS:
            (folder / name).write_text("")
        os.chmod(folder, 0o750)
        os.chown(folder, 0, 1)
        fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            answer = run_as(judge, f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)

        assert "shares its maps with the group daemon" in answer.reason
        assert answer.fix.startswith("sudo usermod -aG daemon $USER")

    def test_maps_that_are_not_all_there_are_not_usable(self, tmp_path):
        """
        An agent of another version, or one that is about to start.
        """
        (tmp_path / "bpf").mkdir()
        for name in list(MAPS)[1:]:
            (tmp_path / "bpf" / name).write_text("")
        assert not usable(str(tmp_path))

        (tmp_path / "bpf" / next(iter(MAPS))).write_text("")
        assert usable(str(tmp_path))
