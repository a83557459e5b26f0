"""The page of a report: one HTML file that fetches nothing. Whatever comes from a run is text in it, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.charts import specs
from app.charts.pictures import FONT, chart, themes
from app.charts.plots import Drawing
from app.look import words
from app.look.states import Note, badges
from app.look.style import safe, strong
from app.panels.details import file_rows
from app.panels.summary import Card
from app.report.contents import Report
from app.report.sounds import Panel, Shown
from engine.quantities import counted, number, sound_length
from engine.rundir.record import DatasetRecord, Nouns, RunRecord

POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
WIDE = {"wide": 760, "slim": 440}
STRIP = {"wide": 1240, "slim": 440}
SMALL = {"any": 400}
MOST_ROWS = 2_000  # of a table: a collection has at most some hundred files
FOLDED_ABOVE = 12  # rows; a longer table is opened by who wants it


def page(report: Report) -> str:
    """The whole file."""
    body = "".join(
        (_top(report), _middle(report), _small(report.small), _noticed(report.notes), _settings(report),
         _collection(report.dataset, report.view.run), _checkpoints(report.checkpoints), _foot(report))
    )  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:,"><title>{safe(report.view.name)} · Sweetspot</title>'
        f"<style>{_colours()}{CSS}</style></head>\n<body><main>{body}</main></body></html>\n"
    )


def _top(report: Report) -> str:
    shown = "".join(f'<span class="chip {safe(one.colour)}">{safe(one.label)}</span>' for one in badges(report.view))
    strip = "" if report.strip is None else chart(report.strip[0], specs.STRIP, report.strip[1], STRIP)
    cards = "".join(map(_card, report.cards))
    still = ", while it still trained" if report.view.state.live else ""
    return (
        f'<p class="brand"><b>Sweetspot</b> <span>report of {safe(report.made_at)}{still}</span></p>'
        f"<header><h1>{safe(report.view.name)}</h1>{shown}</header>"
        f'<p class="where">{strong(report.where)}</p><div class="strip">{strip}</div>'
        f'<div class="cards">{cards}</div>{_message(report.message)}'
    )


def _card(card: Card) -> str:
    chip = f'<span class="chip {safe(card.colour)}">{safe(card.chip)}</span>' if card.chip else ""
    return f'<div class="card"><div>{safe(card.label)}</div><strong>{safe(card.value)}</strong>{chip}</div>'


def _message(note: Note | None) -> str:
    return f'<p class="note {safe(note.colour)}"><b>{safe(note.strong)}</b> {safe(note.text)}</p>' if note else ""


def _middle(report: Report) -> str:
    nouns = words.nouns_of(report.view)
    if report.main is None:
        curve = '<p class="quiet">The curve begins when the first epoch is over.</p>'
    else:
        curve = chart(report.main.rows, report.main.spec, report.main.alt, WIDE)
    return (
        f'<div class="middle"><section><h2>{safe(nouns.main)}</h2>{curve}</section>'
        f"<section><h2>{safe(nouns.panel)}</h2>{_panel(report.panel, nouns)}</section></div>"
    )


def _panel(panel: Panel, nouns: Nouns) -> str:
    if not panel.held_out and not panel.made:
        return f'<p class="quiet">There is no {safe(nouns.one)} yet.</p>'
    parts = []
    if panel.held_out:
        parts += [f'<p class="quiet">{safe(nouns.held_out)}</p>', *map(_shown, panel.held_out)]
    if panel.made:
        parts += [f'<p class="quiet">{safe(nouns.made)}</p>', *map(_shown, panel.made)]
    if len(panel.made) < panel.total:
        said = f"{len(panel.made)} of {number(panel.total)}, evenly chosen so that the page stays small."
        parts.append(f'<p class="quiet">{safe(said)}</p>')
    return f'<div class="panel" tabindex="0" role="region" aria-label="{safe(nouns.panel)}">{"".join(parts)}</div>'


def _shown(one: Shown) -> str:
    label = f'<div class="mark">{one.caption.html}</div>'
    parts = [f'<p class="quiet">{safe(note)}</p>' for note in one.notes]
    if one.picture:
        parts.insert(0, f'<img src="{one.picture}" alt="Picture of {safe(one.says)}">')
    if one.sound:
        parts.append(
            f'<audio controls preload="metadata" src="{one.sound}" aria-label="Play {safe(one.says)}"></audio>'
        )
    if one.table is not None:
        rows = one.table.reshape(len(one.table), -1)
        parts.append(_table([f"{column + 1}" for column in range(rows.shape[1])], rows.tolist()))
    kind = "sound" if one.sound else "whole"
    return f'<div class="preview {kind}">{label}<div>{"".join(parts)}</div></div>'


def _small(drawn: Sequence[Drawing]) -> str:
    parts = [
        f"<section><h2>{safe(one.title)} <span>{safe(one.quiet)}</span></h2>{chart(one.rows, one.spec, one.alt, SMALL)}"
        "</section>"
        for one in drawn
    ]
    return f'<div class="small">{"".join(parts)}</div>'


def _noticed(notes: Sequence[Note]) -> str:
    if not notes:
        return ""
    items = "".join(
        f'<li class="{safe(note.colour)}-text"><b>{safe(note.strong)}</b> {safe(note.text)}</li>' for note in notes
    )
    return f"<section><h2>What it noticed</h2><ul>{items}</ul></section>"


def _settings(report: Report) -> str:
    if not report.facts:
        return '<section><h2>Settings</h2><p class="quiet">Fixed once the data is read.</p></section>'
    rows = "".join(
        f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>"
        for name, value in (*report.facts.items(), *report.settings.items())
    )
    return f"<section><h2>Settings</h2><dl>{rows}</dl></section>"


def _collection(dataset: DatasetRecord | None, run: RunRecord | None) -> str:
    if run is None and dataset is None:
        return ""
    head = "<section><h2>Collection</h2>"
    if dataset is None or not dataset.files:
        learn, check = (run.num_train_files, run.num_val_files) if run else (0, 0)
        said = f"*{number(learn)}* to learn from, *{number(check)}* to check with."
        return f"{head}<p>{strong(said)}</p></section>"
    rows = file_rows(dataset)
    used = [row for row in dataset.files if row.verdict != "skipped"]
    length = sum(row.duration_s or 0.0 for row in used)
    sides = [sum(row.split == side for row in used) for side in ("train", "val")]
    said = (
        f"*{number(len(used))}* of {counted(len(rows), 'file')} used, {sound_length(length)} in all: "
        f"*{number(sides[0])}* to learn from, *{number(sides[1])}* to check with."
    )
    return f"{head}<p>{strong(said)}</p>{_folded(list(rows[0]), [list(row.values()) for row in rows])}</section>"


def _checkpoints(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return '<section><h2>Checkpoints</h2><p class="quiet">Nothing saved yet.</p></section>'
    table = _folded(list(rows[0]), [list(row.values()) for row in rows])
    return f"<section><h2>Checkpoints</h2>{table}</section>"


def _folded(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    table = _table(names, rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        table += f'<p class="quiet">and {number(len(rows) - MOST_ROWS)} more.</p>'
    return table if len(rows) <= FOLDED_ABOVE else f"<details><summary>All {len(rows)}</summary>{table}</details>"


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th scope=col>{safe(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else safe(value)


def _foot(report: Report) -> str:
    run = f"Run {safe(report.view.run.uuid)}. " if report.view.run else ""
    return f"<footer>{run}Made by Sweetspot; this page is one file and fetches nothing.</footer>"


def _colours() -> str:
    """The theme's colours as properties, the light ones also on paper."""
    light, dark = (_properties(themes()[name]) for name in ("light", "dark"))
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _properties(theme: Mapping[str, Any]) -> str:
    pairs = {
        "ink": theme["textColor"], "page": theme["backgroundColor"], "ground": theme["secondaryBackgroundColor"],
        "line": theme["borderColor"], "sweet": theme["greenTextColor"],
    }  # fmt: skip
    for name in ("green", "yellow", "orange", "red", "blue", "gray"):
        pairs[name], pairs[f"{name}-ground"] = theme[f"{name}TextColor"], theme[f"{name}BackgroundColor"]
    return "".join(f"--{name}:{value};" for name, value in pairs.items())


CSS = (
    f"*{{box-sizing:border-box}}html{{color-scheme:light dark}}body{{margin:0;background:var(--page);color:var(--ink);"
    f"font:15px/1.5 {FONT};font-variant-numeric:tabular-nums lining-nums}}"
    """
main{max-width:1320px;margin:0 auto;padding:1.25rem clamp(.9rem,4vw,2.4rem) 3rem}
p{margin:0}h1{font-size:1.75rem;font-weight:650;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:1rem;font-weight:600;margin:0 0 .5rem}h2 span,.quiet,.brand span,footer{font-weight:400;opacity:.8}
.brand{margin-bottom:.9rem}.brand b{margin-right:.5rem}
header{display:flex;flex-wrap:wrap;align-items:center;gap:.75rem}.where{margin:.4rem 0 .9rem}
.chip{border-radius:6px;padding:.1rem .45rem;font-size:.87rem;width:fit-content}
.cards{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:1rem;margin:1rem 0}
.card{border:1px solid var(--line);border-radius:8px;padding:.9rem 1rem;display:flex;flex-direction:column}
.card strong{font-size:1.75rem;font-weight:550;line-height:1.4;overflow-wrap:anywhere}
.note{border-radius:8px;padding:.85rem 1rem;margin-bottom:1rem}.note b,.where b{font-weight:650}
section{margin-top:1.6rem;min-width:0}.middle>section{margin-top:.4rem}
.middle{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,3fr);gap:2.4rem}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));column-gap:2.4rem}
.chart svg{display:block;width:100%;height:auto;overflow:visible}.chart .dark,.chart .slim{display:none}
.panel{border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;height:400px;overflow:auto;
  overscroll-behavior:contain}
.panel>.quiet{margin:.9rem 0 .5rem;font-size:.93rem}.panel>.quiet:first-child{margin-top:0}
.preview{margin-bottom:.8rem;break-inside:avoid}.preview .quiet{font-size:.93rem}
.sound{display:grid;grid-template-columns:84px minmax(0,1fr);gap:.8rem;align-items:center}
.preview img{display:block;width:100%;border-radius:6px}.sound img{height:58px}
audio{display:block;width:100%;height:34px}
audio::-webkit-media-controls-enclosure{background:transparent}
.mark{font-weight:600;line-height:1.25}.ss-said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.mark small{display:block;font-weight:400;font-size:.87rem;opacity:.8}
.mark .sweet{color:var(--sweet);opacity:1;font-weight:600}
.whole .mark small{display:inline;margin-left:.6rem}
ul{margin:0;padding-left:1.1rem}dl{columns:3 320px;column-gap:2.4rem;margin:0;font-size:.95rem}
dl div{display:flex;gap:1rem;justify-content:space-between;padding:.3rem 0;border-bottom:1px solid var(--line);
  break-inside:avoid}dt{opacity:.8;white-space:nowrap}dd{margin:0;text-align:right;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.95rem}th,td{text-align:left;vertical-align:top;font-weight:400;
  padding:.3rem 1rem .3rem 0;border-bottom:1px solid var(--line)}thead th{opacity:.8}
.scroll{overflow-x:auto}.scroll td:first-child{overflow-wrap:anywhere;min-width:9rem}
summary{cursor:pointer;margin:.5rem 0}footer{margin-top:2.4rem;font-size:.87rem;overflow-wrap:anywhere}
a:focus-visible,summary:focus-visible,.panel:focus-visible{outline:2px solid var(--sweet);outline-offset:2px}
"""
    + "".join(
        f".{name}{{background:var(--{name}-ground);color:var(--{name})}}.{name}-text{{color:var(--{name})}}"
        for name in ("green", "yellow", "orange", "red", "blue", "gray")
    )
    + """
@media(max-width:900px){.middle{grid-template-columns:minmax(0,1fr);gap:.4rem}.panel{height:auto;max-height:75vh}}
@media(max-width:640px){.cards{grid-template-columns:repeat(2,minmax(0,1fr));gap:.7rem}
  .chart .wide{display:none}.chart .light.slim{display:block}.card strong{font-size:1.45rem}}
@media screen and (prefers-color-scheme:dark){.chart .light,.chart .light.slim{display:none}
  .chart .dark:not(.slim){display:block}.whole img{filter:invert(.94) hue-rotate(180deg)}}
@media screen and (prefers-color-scheme:dark) and (max-width:640px){.chart .dark.wide:not(.slim){display:none}
  .chart .dark.slim{display:block}}
@media print{body{background:#fff;font-size:10pt}audio,details:not([open]){display:none}.panel{height:auto;
  max-height:none;overflow:visible}*{print-color-adjust:exact}section{break-inside:auto}.chart,.card{break-inside:avoid}
  .middle{grid-template-columns:minmax(0,1fr);gap:0}.small{grid-template-columns:repeat(3,minmax(0,1fr))}
  .panel{columns:2}.panel>.quiet{column-span:all}dl{columns:2}.card strong{font-size:1.2rem}}
"""
)
