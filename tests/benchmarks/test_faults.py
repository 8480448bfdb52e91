"""The corpus of faults in small: runs are made once, replayed, and end up in the right cells."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks.faults import about, corpus, programs, schedules, tables
from benchmarks.faults.__main__ import main
from benchmarks.faults.baselines import BASELINES, Alarm, Evidence, autotrainer, sagemaker
from benchmarks.faults.corpus import Run, chosen, runs
from benchmarks.faults.harm import BrokenTwinError, Harm, healthy_ends, sound, worse
from benchmarks.faults.injections import FAULTS
from benchmarks.faults.loop import EVALUATIONS, evaluate, evaluated_steps, tracked_steps
from benchmarks.faults.measures import accuracy
from benchmarks.faults.programs import PROGRAMS, Program
from benchmarks.faults.records import read, without_curvature, without_individual
from benchmarks.faults.runner import OUTCOME, make_all
from benchmarks.faults.score import Scored, Scores, judged, score
from benchmarks.faults.setup import Setup
from benchmarks.faults.shares import Mean, Share
from benchmarks.faults.sight import ALARMS, Lit, Sight, look
from cockpit.lamps import StepView, all_lamps

STEPS = 40
TINY = ("regression-adam", "mlp-small-batch")
BROKEN = ("bad_record-nan", "learning_rate_too_large-x100", "foreign_parameters")
HERE = (
    "digits", "digits-raw", "digits-flat", "digits-few", "digits-tags", "digits-itself",
    "digits-rows", "digits-uneven", "halves", "cancer", "diabetes", "friedman", "friedman-robust",
    "wine", "clusters", "moons", "parity", "digits-16", "waves", "adding", "arm", "plane",
    "impedance",
    "iris", "substances", "orbits", "topics", "digits-greater", "outlines", "beats", "discs",
    "expressions", "weather", "gestures", "spectra", "spectra-itself", "throws", "demand",
)  # fmt: skip


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], Path]:
    """Two programs, three seeds each, and three faults."""
    patch = pytest.MonkeyPatch()
    for name in TINY:
        patch.setitem(PROGRAMS, name, replace(PROGRAMS[name], steps=STEPS))
    made = [Run(name, None, seed) for name in TINY for seed in range(3)]
    made += [Run(name, fault, 50) for name in TINY for fault in BROKEN]
    folder = tmp_path_factory.mktemp("faults")
    assert make_all(made, folder, 1, Console(quiet=True)) == 0
    yield made, folder
    patch.undo()


@pytest.fixture(scope="module")
def scores(little: tuple[list[Run], Path]) -> Scores:
    return score(*little)


def test_finished_runs_are_not_trained_again(little: tuple[list[Run], Path]) -> None:
    made, folder = little
    before = {run: (run.folder(folder) / OUTCOME).stat().st_mtime_ns for run in made}
    assert make_all(made, folder, 1, Console(quiet=True)) == 0
    assert before == {run: (run.folder(folder) / OUTCOME).stat().st_mtime_ns for run in made}


def test_a_run_of_another_recipe_is_trained_again(
    little: tuple[list[Run], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run, *_), folder = little
    before = (run.folder(folder) / OUTCOME).stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setitem(PROGRAMS, run.program, replace(PROGRAMS[run.program], batch_size=16))
        assert make_all([run], folder, 1, Console(quiet=True)) == 0
        assert (run.folder(folder) / OUTCOME).stat().st_mtime_ns > before
    assert make_all([run], folder, 1, Console(quiet=True)) == 0


def test_healthy_runs_that_are_missing_or_broken_are_not_passed_over(
    little: tuple[list[Run], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, folder = little
    ends = healthy_ends(made, folder)
    assert {name: len(found) for name, found in ends.items()} == dict.fromkeys(TINY, 3)
    with pytest.raises(ValueError, match="missing or out of date"):
        healthy_ends([run for run in made if run.fault], folder)  # the corpus has ten of each
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "fingerprint", lambda: "other sources")
        with pytest.raises(ValueError, match="missing or out of date"):
            healthy_ends(made, folder)
    with pytest.raises(ValueError, match="ended by an error"):
        sound(made[0], {"history": [], "error": "ValueError: oh"})
    assert sound(made[-1], {"history": [], "error": "ValueError: oh"})["error"]
    with pytest.raises(ValueError, match="no healthy run"):
        worse(ends[TINY[0]][0], [])


def test_the_log_holds_what_lamps_need(little: tuple[list[Run], Path]) -> None:
    (run, *_), folder = little
    log = read(run.folder(folder))
    assert log.header["planned_steps"] == STEPS
    schedule = tracked_steps(STEPS)
    assert log.tracked == [step for step in range(STEPS) if schedule(step)]
    logged = [entry for entry in log.entries if not isinstance(entry, StepView)]
    assert [step for step, _ in logged] == sorted(evaluated_steps(STEPS))
    assert "valid_loss" in logged[0][1]
    assert "Alpha" in next(e for e in log.entries if isinstance(e, StepView)).values


def test_the_scores_have_each_run_once(scores: Scores) -> None:
    counted = [row.scored for row in scores.rows["all"]]
    assert len(scores.healthy) == 6
    assert len(counted) + len(scores.harmless) == 6
    assert scores.missing == []
    wrong = {one.run.fault for one in counted if one.harm and one.harm.wrong}
    assert wrong == {"bad_record-nan", "foreign_parameters"}
    assert set(scores.rows) == {"all", "without individual gradients", *BASELINES}


def test_a_bad_record_is_found_and_named(scores: Scores) -> None:
    rows = [row for row in scores.rows["all"] if row.scored.run.fault == "bad_record-nan"]
    assert len(rows) == 2
    for row in rows:
        assert row.found
        assert row.first == "nonfinite_input"
        assert row.first_right
        assert row.root_right
        assert row.found_at is not None
        assert row.found_at < 0.2


def test_published_rules_see_nan_as_well(scores: Scores) -> None:
    for name in BASELINES:
        rows = [row for row in scores.rows[name] if row.scored.run.fault == "bad_record-nan"]
        assert all(row.found for row in rows)


def test_the_page_has_all_tables(scores: Scores) -> None:
    page = tables.page(scores, "setting")
    for kind in ("| bad_record |", "| foreign_parameters |"):
        assert kind in page
    for name in BASELINES:
        assert name in page
    for table in page.split("\n\n"):
        if table.startswith("|"):
            head, *rows = [line.count("|") for line in table.strip().splitlines()]
            assert set(rows) == {head}
    json.dumps(tables.plain(scores))


def test_what_is_dropped_makes_lamps_absent(little: tuple[list[Run], Path]) -> None:
    (run, *_), folder = little
    log = read(run.folder(folder))
    needing = {lamp.name for lamp in all_lamps() if "NormTest" in lamp.needs}
    assert needing
    assert needing <= set(look(log, without_individual).absent)
    assert not needing & set(look(log).absent) or needing - set(look(log).absent)


def test_what_needs_individual_gradients_or_curvature() -> None:
    assert not without_individual("NormTest")
    assert without_individual("units.fc.dead")  # an ordinary hook sees it
    assert without_individual("update.decrease")
    assert not without_curvature("HessMaxEV")
    assert without_curvature("Alpha")


def test_the_command_line(
    little: tuple[list[Run], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, folder = little
    monkeypatch.setattr(corpus, "HEALTHY_SEEDS", 3)
    here = ["--only", TINY[0], "--runs", str(folder)]
    assert main(["score", *here, "--faults", "healthy", "--out", str(tmp_path)]) == 0
    assert "wanted" in capsys.readouterr().out
    assert "at commit" in (tmp_path / "faults-setting.md").read_text()
    assert not (tmp_path / about.HELD_OUT_LOG).exists()
    assert not (tmp_path / "faults.md").exists()  # nothing was held out


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_changes_a_program_that_still_computes(name: str) -> None:
    fault = FAULTS[name]
    able = [p for p in PROGRAMS.values() if p.data in HERE and fault.applies(p)]
    if not able:
        pytest.skip("only programs on a text have it")
    for program in {p.data: p for p in able}.values():
        _changes_but_computes(name, program)


def _changes_but_computes(name: str, program: Program) -> None:
    fault, setup = FAULTS[name], Setup.of(program, 0)
    fault.inject(setup)
    inputs, targets = next(setup.batches())
    setup.model.train(setup.training)
    if name == "broadcast_targets":
        with pytest.warns(UserWarning, match="different to the input size"):
            loss = setup.loss_fn(setup.model(inputs), targets)
    else:
        loss = setup.loss_fn(setup.model(inputs), targets)
    optimizer = setup.optimizer.make(setup.parameters(setup.model))
    setup.differentiate(loss).backward()
    for act in setup.before_step:
        act(setup.model)
    optimizer.step()
    task = program.task  # is shared, and must be as it was
    assert task.train.inputs.isfinite().all()
    assert task.train.targets.isfinite().all()
    assert setup.valid.inputs.isfinite().all()


def test_each_fault_is_in_both_splits() -> None:
    for fault in FAULTS.values():
        for split in ("setting", "held_out"):
            assert chosen(fault, split), fault.name  # type: ignore[arg-type]


RAISED = {"batch_too_small", "one_layer_fast"}
"""Faults whose lamp is an advisory by itself, and is raised where there is harm."""


def test_each_fault_is_named_by_lamps_that_exist() -> None:
    levels = {lamp.name: lamp.level for lamp in all_lamps()}
    for fault in FAULTS.values():
        assert fault.root in fault.accepted
        assert fault.accepted <= set(levels), fault.name
        if levels[fault.root] == "advisory" and fault.kind not in RAISED:
            assert fault.advisory, fault.name


def test_what_may_be_meant_is_not_wrong() -> None:
    assert not [fault.name for fault in FAULTS.values() if fault.advisory and fault.wrong]


def test_the_splits_share_no_program_and_both_are_large() -> None:
    for split, healthy in (("setting", 250), ("held_out", 250)):
        of_split = runs(split)  # type: ignore[arg-type]
        assert {run.split for run in of_split} == {split}
        assert len({run.name for run in of_split}) == len(of_split)
        assert sum(run.fault is None and run.tier == "economy" for run in of_split) >= healthy
    described = [
        json.dumps({k: v for k, v in p.describe().items() if k not in ("name", "split")})
        for p in PROGRAMS.values()
        if p.data in HERE
    ]
    assert len(set(described)) == len(described)


def test_both_splits_have_each_kind_of_architecture() -> None:
    def kinds(split: str) -> set[str]:
        return {p.architecture.split(",")[0] for p in PROGRAMS.values() if p.split == split}

    assert kinds("setting") <= kinds("held_out")


@pytest.mark.parametrize(
    ("name", "outputs", "loss"),
    [
        # Logits 0: log 2 for each yes or no, log 10 for one of ten classes.
        ("mlp-tags", 0.0, math.log(2)),
        ("series-adamw", 0.0, math.log(10)),
        # Huber's loss of outputs far beyond 1 is |x − y| − 1/2, and targets are around 0.
        ("regression-robust", 1000.0, 999.5),
        ("arm-parts", 1000.0, 999.5),
        ("parity-nesterov", 0.0, math.log(2)),
        # |x − y|
        ("impedance-softplus", 1000.0, 1000.0),
    ],
)
def test_evaluation_is_by_the_tasks_own_loss(name: str, outputs: float, loss: float) -> None:
    setup = Setup.of(PROGRAMS[name], 0)
    head = list(setup.model.children())[-1]
    assert isinstance(head, torch.nn.Linear)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.constant_(head.bias, outputs)
    assert evaluate(setup)[0] == pytest.approx(loss, abs=0.2 if outputs else 1e-5)


def test_accuracy_is_by_the_highest_score_or_by_the_sign_of_the_only_one() -> None:
    scores = torch.tensor([[0.2, 0.9], [0.4, 0.1], [-3.0, -2.0]])
    assert accuracy(scores, torch.tensor([1, 1, 1])) == pytest.approx(2 / 3)
    assert accuracy(scores, torch.eye(2)[[0, 0, 1]]) == pytest.approx(2 / 3)
    assert accuracy(scores[:, :1], torch.tensor([[1.0], [0.0], [0.0]])) == pytest.approx(2 / 3)
    each = torch.stack([scores, scores.flip(1)], 2)  # [N, classes, places]
    assert accuracy(each, torch.tensor([[1, 0], [0, 0], [0, 0]])) == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    "name", ["cosine", "linear", "restarts", "one_cycle", "trapezoid", "quadratic"]
)
def test_schedules_stay_in_bounds_and_end_near_nothing(name: str) -> None:
    course = getattr(schedules, name)
    factors = [course(step / 200) for step in range(200)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert max(factors) == pytest.approx(1.0, abs=0.01)
    assert factors[-1] < 0.02


def test_a_cosine_with_restarts_is_at_its_highest_three_times() -> None:
    assert [schedules.restarts(share) for share in (0.0, 1 / 3 + 1e-9, 2 / 3 + 1e-9)] == [
        pytest.approx(1.0)
    ] * 3
    assert schedules.restarts(1 / 2) == pytest.approx(0.5)
    assert schedules.exponential(1 / 2) == pytest.approx(0.02**0.5)
    assert schedules.one_cycle(0.0) == pytest.approx(1 / 25)
    assert schedules.one_cycle(0.3) == pytest.approx(1.0)


def test_a_batch_of_all_samples_is_the_data_as_it_is() -> None:
    setup = Setup.of(PROGRAMS["logistic-full-batch"], 0)
    inputs, targets = next(setup.batches())
    assert torch.equal(inputs, setup.train.inputs)
    assert torch.equal(targets, setup.train.targets)


def test_the_fine_tuned_network_keeps_its_first_layer() -> None:
    frozen = [p.requires_grad for p in PROGRAMS["fine-tuned"].blank.parameters()]
    assert frozen == [False, False, True, True, True, True]


@pytest.mark.parametrize("steps", [24, 80, 81, 120, 150, 200, 800])
def test_tracked_steps_begin_densely_and_come_in_pairs(steps: int) -> None:
    schedule = tracked_steps(steps)
    tracked = [step for step in range(steps) if schedule(step)]
    assert tracked[:40] == list(range(min(steps, 40)))
    assert tracked[-1] == steps - 1
    assert len(tracked) <= 80
    assert all({step - 1, step + 1} & set(tracked) for step in tracked)
    assert len(evaluated_steps(steps)) == EVALUATIONS
    assert max(evaluated_steps(steps)) == steps - 1


def test_harm_is_an_end_outside_of_the_healthy_ones() -> None:
    def ended(loss: float, accuracy: float | None = None) -> dict:
        return {"history": [[9, loss, accuracy]], "error": ""}

    twins = [ended(1.0, 0.80), ended(1.1, 0.76)]
    assert not worse(ended(1.15, 0.74), twins)
    assert worse(ended(1.25, 0.80), twins)
    assert worse(ended(1.0, 0.70), twins)
    assert worse(ended(math.inf, 0.80), twins)
    assert worse({"history": [], "error": "ValueError"}, twins)
    assert worse(ended(2.0), [ended(1.0), ended(1.0)])


def seen(fault: str, *lit: Lit, cause: str | None = None, steps: int = 300) -> Scored:
    """A run in which these lamps lit; ``cause``: what stood first in the end."""
    alarms = [one for one in lit if one.level in ALARMS]
    first = alarms[0] if alarms else None
    sight = Sight(
        list(lit),
        first.step if first else None,
        first.lamp if first else None,
        [*([first.lamp] if first else []), *([cause] if cause else [])],
    )
    run = Run(TINY[0], fault, 50)
    return Scored(run, {}, Harm(True, False), {"all": sight}, {}, list(range(steps)), steps)


def caution(step: int, lamp: str, cause: str | None = None) -> Lit:
    return Lit(step, lamp, "caution", cause)


def test_the_root_is_what_was_named_first() -> None:
    fault = FAULTS["learning_rate_too_large-x100"]
    other = min(fault.accepted - {fault.root})
    late = judged(
        seen(fault.name, caution(3, other), caution(9, fault.root), cause=fault.root), "all"
    )
    assert late.first_right
    assert not late.root_right
    assert late.root_last
    assert late.root_ever
    assert late.found_at == late.accepted_at == 3 / 300
    at_once = judged(seen(fault.name, caution(3, fault.root), cause=other), "all")
    assert at_once.root_right
    assert not at_once.root_last


def test_a_miss_counts_as_the_whole_run_and_an_advisory_as_nothing() -> None:
    fault = FAULTS["learning_rate_too_large-x100"]
    missed = judged(seen(fault.name, Lit(3, fault.root, "advisory", None)), "all")
    assert not missed.found
    assert missed.found_at == missed.accepted_at == 1.0
    wrong = judged(seen(fault.name, caution(30, "dead_units")), "all")
    assert wrong.found
    assert (wrong.found_at, wrong.accepted_at) == (0.1, 1.0)


def test_what_is_said_before_the_fault_begins_is_false() -> None:
    fault = next(f for f in FAULTS.values() if f.onset == 1 / 3)
    early = judged(seen(fault.name, caution(50, fault.root), caution(103, fault.root)), "all")
    assert not early.first_right
    assert not early.root_right
    assert early.found
    assert early.soon
    assert early.found_at == pytest.approx(3 / 300)
    gone = judged(seen(fault.name, caution(50, fault.root)), "all")
    assert not gone.found
    assert not gone.soon


def test_a_baselines_root_is_that_of_its_first_rule() -> None:
    fault = FAULTS["learning_rate_too_large-x100"]
    scored = seen(fault.name)
    scored.alarms["SageMaker Debugger"] = [Alarm(2, "Overfit"), Alarm(5, "WeightUpdateRatio")]
    found = judged(scored, "SageMaker Debugger")
    assert found.first == "Overfit"
    assert not found.root_right
    assert found.root_last
    assert found.accepted_at == 5 / 300


def test_published_rules_are_looked_at_anew_from_the_fault_on() -> None:
    given = replace(evidence([layer(1e-9), layer(1.0)], GOOD), begin=33)
    assert [(a.step, a.rule) for a in sagemaker.alarms(given)] == [
        (0, "VanishingGradient"), (35, "VanishingGradient"),
    ]  # fmt: skip


def test_healthy_runs_of_another_recipe_are_no_measure(
    little: tuple[list[Run], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, folder = little
    program = made[0].program
    monkeypatch.setitem(PROGRAMS, program, replace(PROGRAMS[program], batch_size=16))
    with pytest.raises(BrokenTwinError, match="out of date"):
        score(made, folder)


def test_a_healthy_run_that_failed_is_no_measure(
    little: tuple[list[Run], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run, *_), folder = little
    shutil.copytree(run.folder(folder), run.folder(tmp_path))
    broken = json.dumps({"history": [], "error": "ValueError: no", "seconds": 0.0})
    (run.folder(tmp_path) / OUTCOME).write_text(broken)
    with pytest.raises(BrokenTwinError, match="ValueError: no"):
        score([run], tmp_path)
    arguments = ["score", "--only", run.program, "--runs", str(tmp_path), "--out", str(tmp_path)]
    assert main(arguments) == 1
    assert "ended by an error" in capsys.readouterr().out


@pytest.mark.parametrize("part", [["--only", TINY[0]], ["--faults", "healthy"]])
def test_no_part_of_what_is_held_out_can_be_scored(part: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["score", "--held-out", *part])


def test_each_look_at_what_is_held_out_is_written_down(tmp_path: Path) -> None:
    for _ in range(2):
        about.note_held_out(tmp_path)
    lines = (tmp_path / about.HELD_OUT_LOG).read_text().splitlines()
    assert len(lines) == 2
    assert all(len(line.split()) >= 2 for line in lines)


def test_a_mean_over_groups() -> None:
    groups = {"a": [True, True, True, True], "b": [False, True], "c": [False]}
    assert Mean.of_shares(groups).value == 0.5
    assert Mean.of_runs(groups).value == pytest.approx(5 / 7)
    found = Mean.of_shares(groups)
    assert (found.low, found.high) == (0.0, 1.0)
    assert found == Mean.of_shares(groups)  # the same numbers are drawn each time
    assert str(Mean.of_shares({})) == "–"


def test_a_lamp_that_another_one_explains_does_not_stand_for_itself() -> None:
    sight = Sight([caution(1, "diverged"), caution(2, "overfitting", "diverged")])
    assert sight.lamps() == ["diverged", "overfitting"]
    assert sight.lamps(alone=True) == ["diverged"]


def test_small_shares_have_a_decimal() -> None:
    assert str(Share(1, 40)) == "2.5% (1/40; 0.4%–13%)"


def test_wilsons_interval() -> None:
    share = Share.of([True] * 9 + [False])
    low, high = share.interval
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert str(share) == "90% (9/10; 60%–98%)"


def layer(gradient: float, *, weight: bool = True, zeros: float = 0.0) -> dict:
    return {
        "name": "w", "weight": weight, "finite": True, "variance": 1.0, "gradient": gradient,
        "gradient_mean": gradient, "gradient_zeros": zeros, "gradient_range": 1.0, "size": 10,
        "update": 1e-3,
    }  # fmt: skip


def evidence(
    layers: list[dict], accuracies: list[float], losses: list[float] | None = None
) -> Evidence:
    """Ten evaluations, ten steps each, all at these accuracies."""
    history = [(10 * k + 9, 1.0, accuracies[k]) for k in range(10)]
    steps = [{"step": s, "layers": layers, "activations": {}} for s in range(0, 100, 5)]
    falling = [100.0 - step for step in range(100)]
    each = [accuracies[step // 10] for step in range(100)]
    return Evidence(losses or falling, each, steps, history, images=False, planned=100)


GOOD = [0.3, 0.5, 0.6, 0.7, 0.75, 0.78, 0.8, 0.81, 0.82, 0.83]


@pytest.mark.parametrize(
    ("layers", "accuracies", "rule"),
    [
        ([layer(1.0), layer(1.0)], GOOD, None),
        ([layer(1e-6), layer(1.0)], [0.1] * 10, "vanishing gradient"),
        ([layer(100.0), layer(1.0)], [0.1] * 10, "exploding gradient"),
        ([layer(1.0, zeros=0.9), layer(1.0, zeros=0.8)], [0.1] * 10, "dying ReLU"),
        ([layer(1.0), layer(1.0)], [0.1] * 10, "slow convergence"),
        ([layer(1.0), layer(1.0)], [0.1, 0.8, 0.7, 0.8, 0.7, 0.8, 0.7, 0.8, 0.7, 0.8],
         "oscillating loss"),
    ],
)  # fmt: skip
def test_autotrainers_symptoms(layers: list[dict], accuracies: list[float], rule: str) -> None:
    assert [alarm.rule for alarm in autotrainer.alarms(evidence(layers, accuracies))] == (
        [rule] if rule else []
    )


def test_sagemakers_rules() -> None:
    def rules(given: Evidence) -> set[str]:
        return {alarm.rule for alarm in sagemaker.alarms(given)}

    sound = [layer(1.0), layer(1.0)]
    # The validation loss is 1 and the training loss far above: nothing to find.
    assert rules(evidence(sound, GOOD)) == set()
    assert rules(evidence([layer(1e-9), layer(1.0)], GOOD)) == {"VanishingGradient"}
    assert rules(evidence([layer(0.0, zeros=1.0), layer(1.0)], GOOD)) == {
        "VanishingGradient", "AllZero",
    }  # fmt: skip
    assert rules(evidence([{**sound[0], "update": 11.0}], GOOD)) == {"WeightUpdateRatio"}
    flat = evidence(sound, GOOD, [5.0] * 100)
    assert {"LossNotDecreasing", "UnchangedTensor"} <= rules(flat)
    quieter = {alarm.rule for alarm in sagemaker.quieter(flat)}
    assert quieter == rules(flat) - {"LossNotDecreasing", "Overfit"}
    assert "Overfit" in rules(evidence(sound, GOOD, [0.5 - step / 1000 for step in range(100)]))
    dead = evidence(sound, GOOD)
    dead.steps[3]["activations"] = {"1": {"kind": "ReLU", "inactive": 0.6}}
    assert rules(dead) == {"DeadRelu"}


def test_every_rule_means_some_lamp() -> None:
    assert set(sagemaker.RULES) == set(sagemaker.MEANS)
    for _, means in BASELINES.values():
        assert all(means.values())


def test_programs_do_not_touch_global_random_numbers() -> None:
    before = torch.get_rng_state()
    program: Program = programs.PROGRAMS["mlp-tanh"]
    assert program.model(1)[1].weight.ne(program.model(2)[1].weight).any()
    assert torch.equal(before, torch.get_rng_state())
