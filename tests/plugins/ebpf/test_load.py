"""
What comes into the kernel, by which right, and goes again.
"""

import os

import pytest
from ebpf_kit import BOTH, agent, burn, eventually, id_of, ids, mounted, need_ebpf, reading, running, table
from greensdk_ebpf import EbpfClock
from greensdk_ebpf.asm import Asm
from greensdk_ebpf.layout import ABOUT, CPUS, MAPS, START, VERSION, unpacked
from greensdk_ebpf.load import load
from greensdk_ebpf.reader import Reader
from greensdk_ebpf.slots import Slots
from greensdk_ebpf.syscall import BPF_F_RDONLY, RAW_TRACEPOINT, Map, obj_get, obj_pin, prog_load
from rights_kit import CAP_BPF, CAP_PERFMON, run_as

from greensdk.errors import MonitorUnavailable


class TestLoading:
    """
    What comes into the kernel, and goes again.
    """

    @pytest.mark.parametrize("form", BOTH)
    def test_nothing_is_left_in_the_kernel(self, form):
        """
        Neither link nor map, nor a descriptor of ours.
        """
        need_ebpf()
        fds = set(os.listdir("/proc/self/fd"))
        with running(form) as loaded:
            assert form == loaded.form
            links = {id_of(fd) for fd in loaded.links.values()}
            maps = {id_of(fd) for fd in loaded.maps.values()}
            assert links <= ids("link")
            assert maps <= ids("map")

        assert fds == set(os.listdir("/proc/self/fd"))
        assert eventually(lambda: not links & ids("link"), "the links are gone")
        assert eventually(lambda: not maps & ids("map"), "the maps are gone")

    @pytest.mark.parametrize("form", BOTH)
    def test_what_is_pinned_outlives_its_loader(self, form):
        """
        Maps and links: the programs go on counting, until the pins go.
        """
        with mounted("bpf", "mode=0700") as place:
            with running(form) as loaded:
                for name, fd in (*loaded.maps.items(), *loaded.links.items()):
                    obj_pin(fd, f"{place}/{name}")
                links = {id_of(fd) for fd in loaded.links.values()}
            maps = {name: obj_get(f"{place}/{name}") for name in MAPS}
            reader = Reader(maps)
            reader.register(os.getpid())
            before = reader.tree_ns(os.getpid())
            burn(0.01)
            found_ns = reader.tree_ns(os.getpid()) - before
            assert form == reader.form
            reader.close()
            for fd in maps.values():
                os.close(fd)
            assert links <= ids("link")

        assert 0.009e9 < found_ns
        assert eventually(lambda: not links & ids("link"), "the links are gone")

    def test_maps_of_another_version_are_refused(self):
        """
        Rather than misread: the agent of an older greensdk may still be running.
        """
        with running() as loaded, agent(loaded) as root:
            cpus = table(loaded, CPUS)
            words = list(cpus.get(0))
            words[ABOUT] = unpacked(words[ABOUT])._replace(version=VERSION + 1).word()
            cpus.put(0, *words)
            before = set(os.listdir("/proc/self/fd"))
            with pytest.raises(MonitorUnavailable, match="the maps are those of another version of greensdk") as caught:
                Reader(loaded.maps)
            with pytest.raises(MonitorUnavailable, match="another version"):
                EbpfClock(root=root).open()

            assert "sudo greensdk agent stop; sudo greensdk agent start" == caught.value.fix
            assert before == set(os.listdir("/proc/self/fd"))

    def test_a_reader_needs_to_write(self):
        """
        What is pinned can be opened for reading alone, but not be mapped then.
        """
        with mounted("bpf", "mode=0700") as place, running() as loaded:
            obj_pin(loaded.maps[CPUS], f"{place}/cpus")
            fd = obj_get(f"{place}/cpus", BPF_F_RDONLY)
            with pytest.raises(PermissionError):
                Map(fd, "I", MAPS[CPUS].value).put(0, *[0] * 16)
            assert Map(fd, "I", MAPS[CPUS].value).get(0) is not None
            with pytest.raises(OSError, match="Invalid argument"):
                Slots(fd, 1)
            os.close(fd)

    def test_the_affinity_of_the_loader_is_restored(self):
        """
        It visits every CPU, and comes back.
        """
        before = os.sched_getaffinity(0)
        with running() as loaded:
            assert before == os.sched_getaffinity(0)
            cpus = table(loaded, CPUS)
            assert all(cpus.get(cpu)[START] for cpu in before)

    def test_two_can_count_beside_each_other(self):
        """
        Maps of their own, and the same numbers.
        """
        with running() as one, running("tracepoint") as other, reading(one) as first, reading(other) as second:
            before = first.host(), second.host()
            burn(0.05)
            after = first.host(), second.host()

        spent = [
            (last.busy_ns - old.busy_ns) / (last.now_ns - old.now_ns) for old, last in zip(before, after, strict=True)
        ]
        assert pytest.approx(spent[0], rel=0.01) == spent[1]

    def test_the_raw_form_needs_two_capabilities_only(self):
        """
        No root, no tracefs, no BTF.
        """
        need_ebpf()

        groups_s, burnt_s = run_as(_load_and_burn, caps=[CAP_BPF, CAP_PERFMON])

        assert pytest.approx(burnt_s, rel=0.2) == groups_s

    def test_without_rights_the_kernel_refuses(self):
        """
        And says what.
        """
        need_ebpf()

        assert "Operation not permitted: map gs_task" == run_as(_refusal)
        assert "Operation not permitted: program gs_locate" == run_as(_refusal, caps=[CAP_BPF])

    def test_what_the_verifier_says_is_in_the_error(self):
        """
        Here a program that returns nothing.
        """
        need_ebpf()

        with pytest.raises(MonitorUnavailable, match=r"refuses the program wrong \(Permission denied\): .*R0 !read_ok"):
            prog_load(RAW_TRACEPOINT, Asm().exit().code(), "wrong")

    def test_without_tracefs_the_tracepoint_form_says_how_to_get_it(self, tmp_path):
        """
        The command is in the error.
        """
        need_ebpf()

        with pytest.raises((MonitorUnavailable, OSError), match="tracepoint"):
            load("tracepoint", str(tmp_path / "nothing"))


def _load_and_burn() -> tuple[float, float]:
    assert 0 != os.getuid()
    loaded = load("raw")
    with reading(loaded) as reader:
        before = reader.split("tgids")[0].get(os.getpid(), 0)
        burnt_s = burn(0.05)
        found_s = (reader.split("tgids")[0][os.getpid()] - before) * 1e-9
    loaded.close()
    return found_s, burnt_s


def _refusal() -> str:
    try:
        load("raw").close()
    except PermissionError as error:
        return f"{error.strerror}: {error.filename}"
    return "loaded"
