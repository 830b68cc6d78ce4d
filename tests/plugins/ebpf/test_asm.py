"""
The assembler, against encodings that others have written down, and the pure parts beside it.
"""

import struct

import pytest
from greensdk_ebpf import asm
from greensdk_ebpf.asm import R0, R1, R2, R3, R6, R10, Asm
from greensdk_ebpf.forms import fields
from greensdk_ebpf.layout import COUNTERS, COUNTS, FORMS, MARK, About, cpus_online, cpus_possible, unpacked
from greensdk_ebpf.programs import program
from greensdk_ebpf.task_offsets import places
from hypothesis import given
from hypothesis import strategies as st

from greensdk.errors import MonitorUnavailable

FORMAT = """name: sched_switch
ID: 316
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;
	field:__data_loc char[] name;	offset:28;	size:4;	signed:0;
	field:long prev_state;	offset:32;	size:8;	signed:1;

print fmt: "prev_comm=%s", REC->prev_comm
"""


MAP_NUMBERS = {"cpus": 1, "trees": 2, "tracked": 3, "tgids": 4, "cgroups": 5}


class Form:
    """
    A form that knows nothing.
    """

    group_known = True

    def task(self, asm, event, where):
        """
        Nothing comes.
        """
        asm.movi(R1, 0)

    def idle_state(self, asm, dst):
        """
        Nor goes.
        """
        asm.movi(dst, 0)


class TestEncoding:
    """
    Bytes as in the kernel's instruction-set.rst and as other disassemblers show them.
    """

    @pytest.mark.parametrize(
        ("made", "encoded"),
        [
            (Asm().mov(R1, R6), "bf61000000000000"),
            (Asm().movi(R0, 0), "b700000000000000"),
            (Asm().movi(R0, -1), "b7000000ffffffff"),
            (Asm().mov32i(R2, -1), "b4020000ffffffff"),
            (Asm().add(R1, R2), "0f21000000000000"),
            (Asm().addi(R2, -4), "07020000fcffffff"),
            (Asm().sub(R1, R2), "1f21000000000000"),
            (Asm().load(4, R1, R10, -16), "61a1f0ff00000000"),
            (Asm().load(2, R1, R10, -16), "69a1f0ff00000000"),
            (Asm().load(1, R1, R10, -16), "71a1f0ff00000000"),
            (Asm().load(8, R1, R6, 24), "7961180000000000"),
            (Asm().store(8, R10, -8, R0), "7b0af8ff00000000"),
            (Asm().store(4, R10, -4, R0), "630afcff00000000"),
            (Asm().storei(4, R10, -4, 7), "620afcff07000000"),
            (Asm().atomic_add(R0, 8, R1), "db10080000000000"),
            (Asm().map(R1, 5), "18110000050000000000000000000000"),
            (Asm().call(asm.KTIME_GET_NS), "8500000005000000"),
            (Asm().call(asm.PERF_EVENT_READ_VALUE), "8500000037000000"),
            (Asm().exit(), "9500000000000000"),
        ],
    )
    def test_an_instruction(self, made, encoded):
        """
        Opcode, registers, offset and number are each in their place.
        """
        assert encoded == made.code().hex()

    @pytest.mark.parametrize(
        ("made", "encoded"),
        [
            (Asm().label("x").jump("x"), "0500ffff00000000"),
            (Asm().label("x").jeqi(R1, 3, "x"), "1501ffff03000000"),
            (Asm().label("x").jnei(R1, -1, "x"), "5501ffffffffffff"),
            (Asm().label("x").jeq(R1, R2, "x"), "1d21ffff00000000"),
            (Asm().label("x").jeq32i(R1, -1, "x"), "1601ffffffffffff"),
        ],
    )
    def test_a_jump(self, made, encoded):
        """
        A jump to itself goes back by one.
        """
        assert encoded == made.code().hex()

    @given(before=st.integers(0, 50), between=st.integers(0, 50))
    def test_a_jump_goes_to_its_label(self, before, between):
        """
        Forward and back, whatever lies between; a map counts as two.
        """
        made = Asm()
        for _ in range(before):
            made.map(R1, 3)
        made.label("back").jeqi(R0, 0, "on")
        for _ in range(between):
            made.map(R1, 3)
        made.jump("back").label("on").exit()

        words = [struct.unpack("<BBhi", made.code()[at : at + 8]) for at in range(0, len(made.code()), 8)]
        on, back = 2 * before, 2 * before + 1 + 2 * between
        assert len(words) - 1 == on + 1 + words[on][2]
        assert on == back + 1 + words[back][2]

    def test_labels_are_checked(self):
        """
        A jump into nowhere, or to two places, is the programmer's mistake.
        """
        with pytest.raises(ValueError, match="no label 'nowhere'"):
            Asm().jump("nowhere").code()
        with pytest.raises(ValueError, match="two labels 'here'"):
            Asm().label("here").label("here")

    @given(size=st.sampled_from([1, 2, 4, 8]), register=st.integers(0, 10), offset=st.integers(-512, 512))
    def test_loads_and_stores_name_the_same_place(self, size, register, offset):
        """
        They differ in class and in the order of the registers only.
        """
        (load,) = struct.iter_unpack("<BBhi", Asm().load(size, R3, register, offset).code())
        (store,) = struct.iter_unpack("<BBhi", Asm().store(size, register, offset, R3).code())

        assert (load[0] & 0xF8, 1, 3 | register << 4) == (store[0] & 0xF8, load[0] & 7, load[1])
        assert (3, register | 3 << 4, offset, offset) == (store[0] & 7, store[1], store[2], load[2])


class TestPieces:
    """
    What else is pure.
    """

    def test_a_format_file_is_parsed(self):
        """
        Arrays, type names of several words and data locations included.
        """
        assert {
            "common_type": (0, 2),
            "common_pid": (4, 4),
            "prev_comm": (8, 16),
            "prev_pid": (24, 4),
            "name": (28, 4),
            "prev_state": (32, 8),
        } == fields(FORMAT)

    @given(text=st.text(max_size=200))
    def test_any_text_may_stand_in_a_format_file(self, text):
        """
        What is no field is passed over, and a field after it is found all the same.
        """
        described = f"{text}\n\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n"

        assert (56, 4) == fields(described)["next_pid"]

    @given(
        names=st.lists(st.from_regex(r"\A[a-z_]{1,12}\Z"), unique=True, min_size=1, max_size=8),
        kind=st.sampled_from(
            ["int", "unsigned long long", "__data_loc char[]", "struct task_struct *", "const char *"]
        ),
        length=st.sampled_from(["", "[16]", "[TASK_COMM_LEN]"]),
        first=st.integers(0, 64),
        size=st.sampled_from([1, 2, 4, 8]),
    )
    def test_every_field_is_found_by_its_name(self, names, kind, length, first, size):
        """
        Whatever its type, and however long its array.
        """
        places = {name: (first + number * size, size) for number, name in enumerate(names)}
        lines = [
            f"\tfield:{kind} {name}{length};\toffset:{at};\tsize:{size};\tsigned:0;" for name, (at, _) in places.items()
        ]

        assert places == fields("\n".join(["name: x", "ID: 7", "format:", *lines, "", 'print fmt: "%d", REC->x']))

    @given(
        form=st.sampled_from(FORMS),
        attached=st.frozensets(st.sampled_from(sorted(COUNTS))),
        refused=st.integers(0, 4095),
        version=st.integers(0, 255),
    )
    def test_the_note_about_what_is_loaded_survives(self, form, attached, refused, version):
        """
        Form, counters, the reason against cycles and the version go into one number and come out again.
        """
        about = About(form, attached, refused, version)

        assert about == unpacked(about.word())
        assert 0 <= about.word() < 2**64

    @given(
        words=st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=64), at=st.integers(0, 6), pid=st.integers(2, 9)
    )
    def test_the_ids_are_found_where_they_are(self, words, at, pid):
        """
        Thread first, then group; nowhere else.
        """
        words[at : at + 2] = [pid, pid - 1]

        found = places((pid - 1) << 32 | pid, words)

        assert 4 * at in found
        assert all([pid, pid - 1] == words[place // 4 : place // 4 + 2] for place in found)

    @pytest.mark.parametrize(
        ("text", "cpus", "numbers"),
        [
            ("0\n", 1, [0]),
            ("0-1\n", 2, [0, 1]),
            ("0-3,8-11\n", 12, [0, 1, 2, 3, 8, 9, 10, 11]),
            ("0,2\n", 3, [0, 2]),
        ],
    )
    def test_every_possible_cpu_has_a_slot_and_every_running_one_a_counter(self, tmp_path, text, cpus, numbers):
        """
        For slots the highest number counts, not how many there are.
        """
        (tmp_path / "devices/system/cpu").mkdir(parents=True)
        (tmp_path / "devices/system/cpu/possible").write_text(text)
        (tmp_path / "devices/system/cpu/online").write_text(text)

        assert cpus == cpus_possible(str(tmp_path))
        assert numbers == cpus_online(str(tmp_path))

    @pytest.mark.parametrize("counters", [{}, {COUNTERS: 6}])
    def test_a_program_is_whole(self, counters):
        """
        Each assembles with nothing but the numbers of its maps, and ends with exit.
        """
        for link in ("switch", "fork", "free", MARK, *COUNTS):
            code = program(link, {**MAP_NUMBERS, **counters}, Form())
            assert 0 == len(code) % 8
            assert Asm().exit().code() == code[-8:]

    def test_cycles_are_in_a_program_only_if_there_are_counters(self):
        """
        Who does not count them does not pay for them: no look at a counter, and nothing booked.
        """
        read, counters = Asm().call(asm.PERF_EVENT_READ_VALUE).code(), {**MAP_NUMBERS, COUNTERS: 6}
        without, with_cycles = (program("switch", maps, Form()) for maps in (MAP_NUMBERS, counters))

        assert (0, 1) == (_instructions(without).count(read), _instructions(with_cycles).count(read))
        assert len(without) < len(with_cycles)
        for link in ("fork", "free", *COUNTS):
            assert program(link, MAP_NUMBERS, Form()) == program(link, counters, Form())

    def test_an_unknown_architecture_is_named(self):
        """
        The numbers of system calls are not guessed.
        """
        from greensdk_ebpf.syscall import bpf_number

        assert 321 == bpf_number("x86_64")
        assert 280 == bpf_number("aarch64")
        with pytest.raises(MonitorUnavailable, match="not for riscv64"):
            bpf_number("riscv64")


def _instructions(code: bytes) -> list[bytes]:
    return [code[at : at + 8] for at in range(0, len(code), 8)]
