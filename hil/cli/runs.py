"""`hil runs`: what was run before, and what came out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import checks, options
from hil.cli.about import About, with_about
from hil.cli.completion import run_names
from hil.errors import InputError

if TYPE_CHECKING:
    from hil.runs.listing import Listed
    from hil.runs.metadata import Metadata
    from hil.runs.results import Row

app = typer.Typer()
Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the run folders are.")]


Like = typer.Option(metavar="PATTERN", help="Only runs whose metadata match; * and ? stand for any letters.")


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    root: Root = Path("runs"),
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="Only ltp, train, 'train stdp', fit, ...")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help="Only running, interrupted, finished, ..."),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="PATTERN", help="Only runs with this tag.")] = None,
    name: Annotated[str | None, Like] = None,
    sample: Annotated[str | None, Like] = None,
    wafer: Annotated[str | None, Like] = None,
    die: Annotated[str | None, Like] = None,
    operator: Annotated[str | None, Like] = None,
    comment: Annotated[str | None, Like] = None,
    json: options.Json = None,
) -> None:
    """List past runs; `hil runs show NAME` shows one, `hil runs label NAME --tag WORD` says what it is of.

    \b
    hil runs --kind ltp --sample "S7*" --tag annealed
    """
    from hil.runs.listing import Wanted, list_runs, tags_of
    from hil.runs.results import Row, report

    like = {"name": name, "sample": sample, "wafer": wafer, "die": die, "operator": operator, "comment": comment}
    wanted = Wanted(kind, state, {key: text for key, text in like.items() if text is not None}, tuple(tag or ()))
    context.obj = root
    if context.invoked_subcommand is not None:
        if wanted:
            raise InputError(
                f"{wanted} chooses from the list of runs: leave it out before a command, or write it after"
            )
        return
    everything = list_runs(root)
    rows = [_listed(run) for run in everything if wanted.fits(run)]
    if not everything:
        rows = [Row("no runs yet", None, note="start one with: hil train stdp")]
    elif not rows:
        tags = ", ".join(tags_of(everything)) or "none"
        rows = [
            Row("no such run", None, note=f"{wanted} is none of {len(everything)} runs; tags that there are: {tags}")
        ]
    report(rows, f"runs in {root}", json)


def _listed(run: Listed) -> Row:
    """Row of a run in the list: its first number, its state, what it is of."""
    from hil.runs.results import Row, in_words, warnings_in

    if run.problem is not None:
        return Row(run.path.name, None, note=f"damaged: {run.problem}")
    first, *others = run.headlines or [Row("", None)]
    told = [f"{run.meta['state']}, {run.meta.get('started', '')[:19]}, {first.name}", *map(in_words, others)]
    warned = (f"warning: {sentence}" for sentence in warnings_in(run.rows))
    note = "; ".join([*told, *_about(run.metadata), *warned])
    row = Row(run.path.name, first.value, first.unit, first.std, first.n, first.control, note=note)
    about = {name: ", ".join(text) if name == "tags" else text for name, text in run.metadata.given().items()}
    facts = {"kind": run.kind, "state": run.meta["state"], "started": run.meta.get("started"), "quantity": first.name}
    return row.under(**{name: text for name, text in (facts | about).items() if text})


def _about(metadata: Metadata) -> list[str]:
    """What a run is of, as words."""
    given = metadata.given()
    tags = given.pop("tags", [])
    return [f"{name} {value}" for name, value in given.items()] + ([f"tags {', '.join(tags)}"] if tags else [])


@app.command()
def compare(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="RUN RUN ...", help="Names or folders of runs.", autocompletion=run_names)
    ],
    json: options.Json = None,
) -> None:
    """Numbers of several runs side by side, then what differs in how they were made.

    \b
    hil runs compare ltp-sim-rram-001 ltp-sim-flca-001
    """
    from hil.runs.document import save_json
    from hil.runs.listing import Listed, find_run
    from hil.runs.sides import Sides

    if len(names) < 2:
        raise InputError(f"{names[0]} alone: name two runs or more to compare")
    runs = [Listed.read(find_run(name, context.obj)) for name in names]
    for run in runs:
        if run.problem is not None:
            raise InputError(f"{run.path} is damaged: {run.problem}")
    sides = Sides(runs)
    sides.show(sys.stderr if json == "-" else sys.stdout)
    if json is not None:
        save_json(sides.rows(), json)


@app.command()
@with_about
def label(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name or folder of a run.", autocompletion=run_names)],
    about: About,
    untag: Annotated[
        list[str] | None, typer.Option("--untag", metavar="WORD", help="Take a tag away; may be repeated.")
    ] = None,
    clear: Annotated[
        list[str] | None, typer.Option("--clear", metavar="KEY", help="Take a text away, such as sample.")
    ] = None,
) -> None:
    """Say afterwards what a run is of; what is not given stays as it is.

    \b
    hil runs label ltp-sim-rram-001 --sample S7 --wafer W3 --tag annealed
    """
    from hil.errors import nearest
    from hil.runs.listing import find_run
    from hil.runs.metadata import checked
    from hil.runs.run import Run

    added = about.pop("tags") or ()
    changes = {key: text for key, text in about.items() if text is not None}
    with Run(find_run(name, context.obj)) as run:
        before = run.metadata
        for word in untag or []:
            if word not in before.tags:
                raise InputError(f"--untag {word}: {run.path} has no such tag {nearest(word, before.tags)}")
        tags = [word for word in (*before.tags, *added) if word not in (untag or ())]
        for key in clear or []:
            if key not in about:
                raise InputError(f"--clear {key}: no such text {nearest(key, about)}")
            changes[key] = ""
        metadata = checked({**before.model_dump(), **changes, "tags": tags})
        run.set_metadata(metadata)
        print(f"{run.path}: {'; '.join(_about(metadata)) or 'no metadata'}")


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or folder of a run.", autocompletion=run_names)],
    json: options.Json = None,
) -> None:
    """Show one run: state, configuration, results, pictures."""
    from hil.files import read_text
    from hil.runs.interrupt import how_to_continue
    from hil.runs.listing import find_run
    from hil.runs.metadata import metadata_in
    from hil.runs.results import report
    from hil.runs.run import read_metrics, summary

    path = find_run(name, context.obj)
    meta, rows = summary(path)
    if "problem" in meta:
        raise InputError(f"{path} is damaged: {meta['problem']}")
    out = sys.stderr if json == "-" else sys.stdout
    state = meta["state"]
    print(f"{path}: {state}, started {meta.get('started', 'at an unknown time')}", file=out)
    for words in _about(metadata_in(meta, path / "meta.json")):
        print(words, file=out)
    print(f"command: {' '.join(map(str, meta.get('command', [])))}", file=out)
    print(f"versions: {', '.join(f'{k} {v}' for k, v in meta.get('versions', {}).items())}\n", file=out)
    print(read_text(path / "config.toml"), file=out)
    points = read_metrics(path)
    if points:
        print(f"metrics: {len(points)} points in {path / 'metrics.jsonl'}, the last: {points[-1]}\n", file=out)
    if rows or json:
        report(rows, "results", json)
    for picture in sorted((path / "figures").glob("*")):
        print(f"picture: {picture}", file=out)
    if state != "finished" and "kind" in meta:
        print(how_to_continue(meta["kind"], path), file=out)


@app.command()
def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or folder of a run.", autocompletion=run_names)],
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="DIR", callback=checks.output_folder, help="Tables with units, as CSV."),
    ] = None,
    npz: Annotated[
        str | None, typer.Option("--npz", metavar="FILE.npz", callback=checks.output_file, help="Arrays for numpy.")
    ] = None,
    mat: Annotated[
        str | None, typer.Option("--mat", metavar="FILE.mat", callback=checks.output_file, help="Arrays for MATLAB.")
    ] = None,
    nir: Annotated[
        str | None,
        typer.Option("--nir", metavar="FILE.nir", callback=checks.output_file, help="Graph of NIR, of a wta training."),
    ] = None,
) -> None:
    """Write a run's records, results and metrics for other programs; `hil import` reads the CSV of records again.

    Of a training also what it has learned, of every seed: conductances, weights, thresholds and labels of neurons.

    \b
    hil runs export ltp-sim-rram-001 --csv tables/      # tables/records.csv, results.csv
    hil runs export ltp-sim-rram-001 --npz ltp.npz --mat ltp.mat
    hil runs export wta-digits-001 --csv learned/       # learned/conductance_trained_0_S.csv, weight_trained_0.csv ...
    hil runs export wta-digits-001 --nir net.nir        # weights and neurons of the first seed
    """
    from hil.experiments import tables
    from hil.runs.listing import find_run

    if csv is None and npz is None and mat is None and nir is None:
        raise InputError("say what to write: --csv DIR, --npz FILE.npz, --mat FILE.mat or --nir FILE.nir")
    path = find_run(name, context.obj)
    written = tables.export_csv(path, csv) if csv is not None else []
    written += [tables.export_npz(path, Path(npz))] if npz is not None else []
    written += [tables.export_mat(path, Path(mat))] if mat is not None else []
    if nir is not None:
        from hil.nir.writing import export_nir

        written.append(export_nir(path, Path(nir)))
    for file in written:
        print(file)
    if not written:
        raise InputError(f"{path} has nothing to export yet")
