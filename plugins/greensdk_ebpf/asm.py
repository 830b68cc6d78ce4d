"""
An assembler for eBPF: each method adds an instruction, and jumps go to labels.

Encoding: the kernel's Documentation/bpf/standardization/instruction-set.rst. An instruction is 8 bytes: opcode,
source and destination register of 4 bits each, offset of 16 bits, immediate number of 32 bits.
"""

from __future__ import annotations

import struct

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = range(11)
"""R0 holds answers, R1 to R5 arguments (lost in calls), R6 to R9 survive calls, R10 is the end of the stack."""

MAP_LOOKUP, MAP_UPDATE, MAP_DELETE = 1, 2, 3
KTIME_GET_NS, GET_SMP_PROCESSOR_ID, GET_CURRENT_PID_TGID = 5, 8, 14
GET_CURRENT_TASK, GET_CURRENT_CGROUP_ID, PROBE_READ_KERNEL = 35, 80, 113
PERF_EVENT_READ_VALUE = 55
"""Helper functions, include/uapi/linux/bpf.h."""

_LDX, _ST, _STX, _ALU32, _JMP, _JMP32, _ALU64 = 1, 2, 3, 4, 5, 6, 7
_MEM, _ATOMIC = 0x60, 0xC0
_SIZE = {4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18}
_REGISTER = 0x08
_ADD, _SUB, _MOV = 0x00, 0x10, 0xB0
_JA, _JEQ, _JNE, _CALL, _EXIT = 0x00, 0x10, 0x50, 0x80, 0x90
_LOAD_64, _MAP_FD = 0x18, 1


class Asm:
    """
    A program under construction. Names that end in i take a number, the others a register.
    """

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int, int]] = []
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []

    def _add(self, opcode: int, dst: int = 0, src: int = 0, offset: int = 0, number: int = 0) -> Asm:
        self._code.append((opcode, dst, src, offset, number))
        return self

    def mov(self, dst: int, src: int) -> Asm:
        """
        Copy a register.
        """
        return self._add(_ALU64 | _REGISTER | _MOV, dst, src)

    def movi(self, dst: int, number: int) -> Asm:
        """
        Set a register to a number of 32 bits, sign extended.
        """
        return self._add(_ALU64 | _MOV, dst, number=number)

    def mov32i(self, dst: int, number: int) -> Asm:
        """
        Set the lower half of a register to a number, and the upper to zero.
        """
        return self._add(_ALU32 | _MOV, dst, number=number)

    def add(self, dst: int, src: int) -> Asm:
        """
        Add a register.
        """
        return self._add(_ALU64 | _REGISTER | _ADD, dst, src)

    def addi(self, dst: int, number: int) -> Asm:
        """
        Add a number.
        """
        return self._add(_ALU64 | _ADD, dst, number=number)

    def sub(self, dst: int, src: int) -> Asm:
        """
        Subtract a register.
        """
        return self._add(_ALU64 | _REGISTER | _SUB, dst, src)

    def load(self, size: int, dst: int, src: int, offset: int) -> Asm:
        """
        Load `size` bytes from the address in `src` plus `offset`; the rest of the register is zero.
        """
        return self._add(_LDX | _MEM | _SIZE[size], dst, src, offset)

    def store(self, size: int, dst: int, offset: int, src: int) -> Asm:
        """
        Store `size` bytes of a register at the address in `dst` plus `offset`.
        """
        return self._add(_STX | _MEM | _SIZE[size], dst, src, offset)

    def storei(self, size: int, dst: int, offset: int, number: int) -> Asm:
        """
        Store a number.
        """
        return self._add(_ST | _MEM | _SIZE[size], dst, 0, offset, number)

    def atomic_add(self, dst: int, offset: int, src: int) -> Asm:
        """
        Add a register to the 8 bytes at the address in `dst` plus `offset`, atomically.
        """
        return self._add(_STX | _ATOMIC | _SIZE[8], dst, src, offset, _ADD)

    def map(self, dst: int, fd: int) -> Asm:
        """
        Set a register to a map, given by its descriptor; takes two instructions.
        """
        return self._add(_LOAD_64, dst, _MAP_FD, 0, fd)._add(0)

    def call(self, helper: int) -> Asm:
        """
        Call a helper function of the kernel.
        """
        return self._add(_JMP | _CALL, number=helper)

    def exit(self) -> Asm:
        """
        Return R0.
        """
        return self._add(_JMP | _EXIT)

    def label(self, name: str) -> Asm:
        """
        Name the place of the next instruction.

        Raises:
            ValueError: There is such a label already.
        """
        if name in self._labels:
            raise ValueError(f"two labels {name!r}")
        self._labels[name] = len(self._code)
        return self

    def _jump(self, opcode: int, label: str, dst: int = 0, src: int = 0, number: int = 0) -> Asm:
        self._jumps.append((len(self._code), label))
        return self._add(opcode, dst, src, 0, number)

    def jump(self, label: str) -> Asm:
        """
        Jump.
        """
        return self._jump(_JMP | _JA, label)

    def jeqi(self, dst: int, number: int, label: str) -> Asm:
        """
        Jump if the register equals a number.
        """
        return self._jump(_JMP | _JEQ, label, dst, number=number)

    def jnei(self, dst: int, number: int, label: str) -> Asm:
        """
        Jump if it does not.
        """
        return self._jump(_JMP | _JNE, label, dst, number=number)

    def jeq(self, dst: int, src: int, label: str) -> Asm:
        """
        Jump if two registers are equal.
        """
        return self._jump(_JMP | _REGISTER | _JEQ, label, dst, src)

    def jeq32i(self, dst: int, number: int, label: str) -> Asm:
        """
        Jump if the lower half of the register equals a number.
        """
        return self._jump(_JMP32 | _JEQ, label, dst, number=number)

    def code(self) -> bytes:
        """
        Return the program with every jump resolved.

        Raises:
            ValueError: A jump goes to a label that is nowhere.
        """
        lines = [list(line) for line in self._code]
        for at, name in self._jumps:
            if name not in self._labels:
                raise ValueError(f"no label {name!r}")
            lines[at][3] = self._labels[name] - at - 1
        return b"".join(struct.pack("<BBhi", op, dst | src << 4, off, num) for op, dst, src, off, num in lines)
