"""
From the id of a cgroup to its path, and from there to container and pod.
"""

import os

import pytest
from ebpf_kit import agree, burn, need_ebpf, reading, running, workers
from greensdk_ebpf.cgroups import Container, cgroup_of, container, mount_root, paths
from hypothesis import given
from hypothesis import strategies as st
from rights_kit import need

ID = "5cb3ad5aa1a1fc0a4a4a1d9d5a7a51d4e2ec4b8d0f6d7f1b9b8e32d8fd1fb3c2"
OTHER = "a" * 64
UID = "1e9a5b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b"
UID_ = UID.replace("-", "_")
STATIC = "0123456789abcdef0123456789abcdef"


class TestPaths:
    """
    What a path says.
    """

    @pytest.mark.parametrize(
        ("path", "found"),
        [
            (f"/kubepods/besteffort/pod{UID}/{ID}", (ID, None, UID)),
            (f"/kubepods/pod{UID}/{ID}", (ID, None, UID)),
            (f"/kubepods/burstable/pod{STATIC}/{ID}", (ID, None, STATIC)),
            (
                f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice/cri-containerd-{ID}.scope",
                (ID, "containerd", UID),
            ),
            (f"/kubepods.slice/kubepods-pod{UID_}.slice/crio-{ID}.scope", (ID, "cri-o", UID)),
            (f"/kubepods.slice/kubepods-pod{UID_}.slice/crio-{ID}.scope/container", (ID, "cri-o", UID)),
            (f"/kubepods.slice/kubepods-pod{UID_}.slice/docker-{ID}.scope", (ID, "docker", UID)),
            (f"/kubepods.slice/kubepods-pod{UID_}.slice", (None, None, UID)),
            (f"/kubepods.slice/kubepods-pod{UID_}.slice/crio-conmon-{ID}.scope", (None, None, UID)),
            (
                f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UID_}.slice/cri-containerd-{ID}.scope",
                (ID, "containerd", UID),
            ),
            (f"/system.slice/docker-{ID}.scope", (ID, "docker", None)),
            (f"/docker/{ID}", (ID, "docker", None)),
            (f"/docker/{OTHER}/kubepods/pod{UID}/{ID}", (ID, None, UID)),
            (f"/machine.slice/libpod-{ID}.scope/container", (ID, "podman", None)),
            (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", (ID, "podman", None)),
            (f"/libpod_parent/{ID}", (ID, "podman", None)),
            (f"/default/{ID}", (ID, None, None)),
            (f"/system.slice/nerdctl-{ID}.scope", (ID, "containerd", None)),
        ],
    )
    def test_of_a_container_or_pod(self, path, found):
        """
        Each runtime and cgroup driver has its own way to write it.
        """
        assert Container(*found) == container(path)

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "",
            "/user.slice/user-1000.slice/session-3.scope",
            "/system.slice/cron.service",
            f"/machine.slice/libpod-conmon-{ID}.scope",
            "/kubepods.slice",
            "/kubepods/burstable",
            f"/docker/{ID[:63]}",
            f"/docker/{ID}0",
            f"/docker/{ID.upper()}",
            f"/kubepods/pod{UID}x",
        ],
    )
    def test_of_neither(self, path):
        """
        Services and sessions, monitors of containers, ids that are none.
        """
        assert None is container(path)

    @given(
        number=st.integers(0, 2**256 - 1).map("{:064x}".format),
        uid=st.uuids().map(str),
        level=st.sampled_from(["", "burstable", "besteffort"]),
    )
    def test_both_drivers_mean_the_same(self, number, uid, level):
        """
        Whatever the ids, and at each level of service.
        """
        plain = "/".join(filter(None, ["/kubepods", level, f"pod{uid}", number]))
        name = "-".join(filter(None, ["kubepods", level]))
        systemd = f"/kubepods.slice/{name}-pod{uid.replace('-', '_')}.slice/cri-containerd-{number}.scope"

        assert (number, uid) == container(plain)[::2] == container(systemd)[::2]

    @given(st.text())
    def test_any_text_is_a_path(self, path):
        """
        It is a container or it is none; nothing raises.
        """
        found = container(path)

        assert found is None or isinstance(found, Container)


class TestFiles:
    """
    A tree of directories, and the files of proc.
    """

    def test_the_mount_is_found(self, tmp_path):
        """
        Blanks in its name included; None where there is none.
        """
        mounts = tmp_path / "mounts"
        mounts.write_text(
            "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
            r"cgroup2 /my\040own/cgroup\134s cgroup2 rw 0 0"
            "\ncgroup2 /second cgroup2 rw 0 0\n"
        )
        assert r"/my own/cgroup\s" == mount_root(str(mounts))

        mounts.write_text("proc /proc proc rw 0 0\n")
        assert None is mount_root(str(mounts))

    def test_every_directory_has_its_id(self, tmp_path):
        """
        The root included; files and links to elsewhere not.
        """
        pod = tmp_path / f"kubepods/pod{UID}"
        (pod / ID).mkdir(parents=True)
        (pod / "cpu.stat").write_text("usage_usec 0\n")
        (tmp_path / "elsewhere").symlink_to("/")

        found = paths(str(tmp_path))

        expected = {"/": tmp_path, "/kubepods": pod.parent, f"/kubepods/pod{UID}": pod}
        expected[f"/kubepods/pod{UID}/{ID}"] = pod / ID
        assert {place.stat().st_ino: path for path, place in expected.items()} == found
        assert (ID, None, UID) == container(found[(pod / ID).stat().st_ino])

    def test_the_cgroup_of_a_thread(self, tmp_path):
        """
        The line of the unified hierarchy tells; None for a thread that is gone, or where there is no such line.
        """
        root = tmp_path / "cgroup2"
        (root / "a b").mkdir(parents=True)
        (tmp_path / "proc/7").mkdir(parents=True)
        (tmp_path / "proc/8").mkdir()
        (tmp_path / "proc/7/cgroup").write_text("4:cpu:/x\n0::/a b\n")
        (tmp_path / "proc/8/cgroup").write_text("4:cpu:/x\n")

        ids = [cgroup_of(thread, str(tmp_path / "proc"), str(root)) for thread in (7, 8, 9)]

        assert [(root / "a b").stat().st_ino, None, None] == ids


class TestTheRealThing:
    """
    A cgroup of our own.
    """

    @pytest.fixture
    def group(self):
        """
        An empty cgroup below the root.
        """
        need_ebpf()
        root = mount_root()
        need(root, "a cgroup2 mount")
        place = f"{root}/greensdk-test-{os.getpid()}"
        os.mkdir(place)
        yield place
        os.rmdir(place)

    def test_it_has_what_its_own_books_say(self, group):
        """
        Against ``usage_usec`` of its cpu.stat; what is under way is in it, since the worker never stops.
        """
        number = os.stat(group).st_ino
        with running() as loaded, reading(loaded) as reader, workers(1) as (child,):
            child.do(_move, group)
            assert number == cgroup_of(child.pid)
            assert f"/{os.path.basename(group)}" == paths(mount_root())[number]

            def measure():
                before_s, before_ns = _usage_s(group), reader.split("cgroups")[0].get(number, 0)
                child.do(burn, 0.2)
                return _usage_s(group) - before_s, (reader.split("cgroups")[0][number] - before_ns) * 1e-9

            assert agree(measure, 0.02)

    def test_all_cgroups_make_up_the_busy_time(self, group):
        """
        To a millionth, what is under way included.
        """
        with running() as loaded, reading(loaded) as reader, workers(1) as (child,):
            child.do(_move, group)
            child.do(burn, 0.05)
            shares, host = reader.split("cgroups")

        assert pytest.approx(host.busy_ns, rel=1e-6) == sum(shares.values())


def _move(group: str) -> None:
    with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
        file.write("0")


def _usage_s(group: str) -> float:
    with open(f"{group}/cpu.stat", encoding="ascii") as file:
        return int(file.readline().split()[1]) * 1e-6
