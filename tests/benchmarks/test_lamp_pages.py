"""The pages of the lamps are those of what they are now, and of what was measured last."""

from __future__ import annotations

from pathlib import Path

from benchmarks.faults import pages
from benchmarks.faults.__main__ import DOCS, RESULTS, main
from cockpit.lamps import all_lamps, get


def test_each_lamp_has_its_page_as_it_is_now(tmp_path: Path) -> None:
    written = pages.write(tmp_path, RESULTS)
    assert {path.name for path in written} == {path.name for path in DOCS.glob("*.md")}
    for path in written:
        assert path.read_text() == (DOCS / path.name).read_text(), (
            f"{path.name} is out of date; run: python -m benchmarks.faults pages"
        )


def test_a_page_says_what_a_user_needs(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("a lamp that is no more")
    assert main(["pages", "--docs", str(tmp_path), "--out", str(tmp_path)]) == 0
    names = {one.name for one in all_lamps()}
    assert {path.stem for path in tmp_path.glob("*.md")} == names | {"README"}
    one, text = get("nonfinite_input"), (tmp_path / "nonfinite_input.md").read_text()
    for part in (one.title, one.means, one.do, one.source, "all statistical ones"):
        assert part in text
    assert "Not measured yet" in text


def test_the_list_says_how_well_they_work_on_what_set_no_threshold() -> None:
    assert "Not measured yet" in pages.working({"setting": {}})
    found = {"headline": "| measure |\n", "described": "200 healthy runs."}
    text = pages.working({"held_out": found})
    for part in ("| measure |", "200 healthy runs", "(../../benchmarks/results/faults.md)"):
        assert part in text


def test_how_often_a_lamp_is_wrong_is_counted_in_runs() -> None:
    alarm, other = [3, "dead_units", "caution", None], [4, "overfitting", "advisory", None]
    measured = {
        "held_out": {
            "healthy": [{"lamps": {"all": lit}} for lit in ([alarm, alarm], [], [other], [])],
            "faulty": [
                {"fault": fault, "lamps": {"all": [alarm]}} for fault in (OTHER, OTHER, DEAD)
            ],
        }
    }
    text = pages.wrong(get("dead_units"), measured)
    assert "in 25% (1/4;" in text
    assert "in 33% (1/3;" in text
    assert "that set no threshold" in text
    assert "0% (0/4" in pages.wrong(get("overfitting"), measured)


DEAD, OTHER = (
    next(
        name for name, fault in pages.FAULTS.items() if ("dead_units" in fault.accepted) is accepted
    )
    for accepted in (True, False)
)
