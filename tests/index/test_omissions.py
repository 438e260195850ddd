"""What of a file is not in its pieces survives in its record."""

from adjoin.index.omissions import Omission, count, omissions, written
from adjoin.tally import Tally


def test_a_record_keeps_reasons_numbers_and_members() -> None:
    tally = Tally()
    for number in range(118):
        tally.add("binary", f"lib.jar!org/{number}\n\t.class")
    tally.add("too large", "lib.jar!big.txt")
    tally.add("long line cut", "lib.jar", 7)
    tally.add("corrupt archive", "lib.jar")
    found = omissions("lib.jar", written(tally, "lib.jar"), 3)
    assert [(one.reason, one.number, one.in_part) for one in found] == [
        ("binary", 118, True),
        ("too large", 1, True),
        ("long line cut", 7, True),
        ("corrupt archive", 1, True),
    ]
    assert [one.described() for one in found] == [
        "in part: binary (118 in it: !org/0  .class, !org/1  .class, !org/2  .class, ...)",
        "in part: too large (1 in it: !big.txt)",
        "in part: long line cut (7 times)",
        "in part: corrupt archive",
    ]


def test_a_plain_reason_is_itself() -> None:
    tally = Tally()
    tally.add("binary", "a.bin")
    assert written(tally, "a.bin") == "binary"
    assert omissions("a.bin", "binary", 0) == [Omission("a.bin", "binary")]
    assert omissions("a.py", written(Tally(), "a.py"), 2) == []
    assert omissions("a.bin", "binary", 0)[0].described() == "binary"


def test_each_file_counts_once_for_each_reason() -> None:
    tally = Tally()
    jar = Omission("a.jar", "binary", 118, ("a.jar!b.class",))
    count([jar, Omission("c.bin", "binary"), Omission("a.jar", "too large")], tally)
    assert tally.counts == {"binary": 2, "too large": 1}
    assert tally.examples["binary"] == ["a.jar!b.class", "c.bin"]
