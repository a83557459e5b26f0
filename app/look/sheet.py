"""The look beyond the theme: the one style sheet, and the colours of runs beside one another."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

RUNS = 10  # so many colours end the theme's list

# What Streamlit says of a number beyond its limits stands in a bubble that wants a mouse, and while nothing is typed
# plus and minus do nothing: the one is shown under the number, the others are not.
# light-dark() and currentColor follow a switch of theme in the browser; nothing here asks Python which one it is.
# With Shift a wheel counts as turned sideways, which takes a browser back to the page before where nothing scrolls: a
# chart that is being drawn anew takes no wheel, so over one that is off.
CSS = """<style>
.stApp{font-variant-numeric:tabular-nums lining-nums}
[data-testid=stMainBlockContainer]{max-width:1320px;padding-left:clamp(.9rem,4vw,2.4rem);
  padding-right:clamp(.9rem,4vw,2.4rem);padding-bottom:4rem}
[data-testid=stHeader]{background:transparent;pointer-events:none}[data-testid=stHeader] *{pointer-events:auto}
.stVegaLiteChart,.stVegaLiteChart svg{display:block!important}
html:has(.stVegaLiteChart:hover){overscroll-behavior-x:none}
.st-key-top .stVegaLiteChart{min-height:31px}
.role-axis-label text,.role-axis-title text{fill:currentColor;opacity:.75}
.st-key-chart-head{margin:-.5rem 0}.st-key-main [data-testid=stElementToolbar]{translate:0 2.4rem}
#vg-tooltip-element{white-space:pre-line}
.role-axis-grid line{stroke:currentColor;opacity:.09}
[data-testid=stCaptionContainer]{color:inherit;opacity:.78}
[data-stale=true]{opacity:1!important;transition:none!important}
[data-testid^=stBaseButton-primary]:not(:disabled){color:light-dark(#FFFFFF,#0E2A25)!important}
.stMultiSelect [data-tag],.stMultiSelect [data-tag] *{color:light-dark(#FFFFFF,#0E2A25)!important}
[data-testid^=stBaseButton-primary]:not(:disabled) *{color:inherit!important}
[data-testid=stNumberInputContainer]:has(input:placeholder-shown:not([placeholder=""])) button{display:none}
[data-testid=stNumberInputContainer]:has([role=alert]){flex-wrap:wrap;height:auto}
[data-testid=stNumberInput]:has([role=alert]) [data-testid=InputInstructions]{display:none}
[data-testid=stNumberInput] [role=alert]{all:unset;box-sizing:border-box;flex:1 0 100%;padding:0 .7rem .4rem;
  font-size:.82rem;line-height:1.3}
[data-testid=stButtonGroup] button[data-selected] *{color:light-dark(#0A6558,#7ADBC7)}
[data-testid=stPopoverBody] :is(button[data-selected],button[data-selected] *){color:inherit!important}
[data-testid=stPopoverButton][aria-expanded=true]{color:light-dark(#0A6558,#7ADBC7)!important}
.st-key-delete-now [data-testid=stBaseButton-primary]{background:light-dark(#9B1C16,#FF9E97);border-color:transparent}
.st-key-run{display:grid!important;grid-template-columns:minmax(0,5fr) minmax(0,3fr);column-gap:2.4rem;row-gap:1rem}
.st-key-run :has(.st-key-top):not(:has(>.st-key-top)){display:contents!important}
.st-key-run :has(>.st-key-top),.st-key-run :has(>.st-key-curves),.st-key-run>*{grid-column:1/-1;min-width:0}
.st-key-run :has(>.st-key-main){grid-column:1;grid-row:2;min-width:0}
.st-key-run>:has(>.st-key-aside){grid-column:2;grid-row:2}
[data-testid=stToastContainer]{inset:auto auto 1rem 1rem!important;pointer-events:none}
[data-testid=stToastContainer] *{pointer-events:auto}
@media(min-width:1100px){.st-key-title{flex-wrap:wrap!important}.st-key-buttons{flex-wrap:nowrap!important}
  .st-key-title>:has(>.st-key-buttons){flex:1 0 max-content!important;width:auto!important}}
[class*=st-key-timeline-]{container-type:inline-size}
@container(max-width:480px){[data-testid=stHorizontalBlock]:has(>*>*>.ss-mark){flex-wrap:wrap!important;row-gap:.2rem;
  >:has(>*>.ss-mark){flex:1 0 100%!important;width:100%!important}
  .ss-mark small{display:inline-block}.ss-mark .ss-said{position:static;clip-path:none;font-weight:400}}}
@media(min-width:641px){.st-key-make>:has(.ss-below){display:none}}
@media(max-width:640px){.st-key-head{gap:.15rem!important}
  .st-key-head [data-testid=stPageLink-NavLink] :has(>[data-testid=stIconMaterial]){display:none}
  .st-key-head [data-testid=stPageLink-NavLink]{padding-inline:.4rem}
  .st-key-details [role=tablist]{flex-wrap:wrap;row-gap:0}
  .st-key-above-earlier{flex-direction:column!important;align-items:stretch!important}
  .st-key-above-earlier>*{flex:none!important;width:100%!important}
  .st-key-beside-earlier{min-height:5.6rem!important;align-content:flex-start;row-gap:0!important}
  .st-key-beside-earlier>:has(.ss-quiet){flex:1 0 100%!important}
  .st-key-beside-earlier :has(>[data-testid=stIconMaterial]){display:none}
  .st-key-run{display:flex!important}.st-key-run :has(>.st-key-main){order:1}
  .st-key-run>:has(>.st-key-aside){order:2}.st-key-run :has(>.st-key-curves){order:3}
  .st-key-run>:has(.st-key-details){order:4}
  :is(.st-key-heard,.st-key-listen,:has(>:is(.st-key-heard,.st-key-listen))):not(:has(audio,img)){
    height:auto!important;flex:none!important}
  [data-testid=stHorizontalBlock]:has(>*>*>*>.st-key-make){gap:1rem;
    :is(&>*,&>*>*):has(.st-key-make):not(.st-key-make){display:contents}
    &>:not(:has(.st-key-make)){order:1}&>:has(.st-key-make)>*>:not(:has(.st-key-make)){order:2}}
  .st-key-source [role=radiogroup]{padding-right:1px}
  .st-key-source button[role=radio]:not([aria-checked=true]){margin:0 -1px 0 0;
    border:1px solid light-dark(#E2DED4,#2E3136)!important}
  .st-key-title:has([class*=st-key-notices-]){flex-direction:column!important;align-items:stretch!important}
  .st-key-title:has([class*=st-key-notices-])>*{flex:none!important}}
:has(>.st-key-clicked):not(:has(audio)),:has(>[class*=st-key-fetch-]),:has(>.st-key-next-focus){display:none}
.st-key-copies>*:not(:last-child),[class*=st-key-copies-]>*:not(:last-child){display:none}
[data-testid=stElementToolbarButton]:has([aria-label^="Download as CSV"]){display:none!important}
[class*=st-key-earlier-] [data-testid=stElementToolbarButton]:has([aria-label^=Show],[aria-label^=Search]){display:none}
:is(.st-key-curves-x,.st-key-compare-x,.st-key-longer-unit) button[role=radio]{min-height:2.5rem}
.st-key-beside-earlier{min-height:2.5rem;align-items:center}
.st-key-filter [data-testid=stButtonGroup]>*,.st-key-source [data-testid=stButtonGroup]>*{flex-wrap:wrap}
audio{height:34px;display:block}audio::-webkit-media-controls-enclosure{background:transparent}
[data-testid=stMain] [data-testid=stImage] img{border-radius:6px;width:100%}
[data-testid]:has(+[data-testid=stElementContainer] audio) img{height:58px;object-fit:fill}
[data-testid]:has(+[data-testid=stElementContainer] audio) [data-testid=stColumn]{min-width:0!important}
[data-testid=stHorizontalBlock]:has(>*>*>.ss-brief) audio{
  &::-webkit-media-controls-current-time-display,&::-webkit-media-controls-time-remaining-display{display:none}}
@property --ss-ground{syntax:"\\3c color\\3e ";inherits:true;initial-value:#fff}
.stApp{--ss-ground:light-dark(#fff,#000)}
@container style(--ss-ground:#000){[data-testid=stElementContainer]:has(.ss-above)+[data-testid=stElementContainer] img{
  filter:invert(.94) hue-rotate(180deg)}}
.ss-name{font-size:1.75rem;font-weight:650;line-height:1.25;margin:0;overflow-wrap:anywhere}
.ss-card-name{font-size:1.2rem;font-weight:600;line-height:1.3;margin:0;overflow-wrap:anywhere}
.ss-brand{font-weight:700;line-height:1.2;padding:.45rem .6rem .45rem 0}
.ss-head{font-weight:600;line-height:1.3}.ss-head span,.ss-quiet{font-weight:400;opacity:.78}
.ss-quiet{font-size:.93rem}
.ss-line{line-height:1.5}.ss-line b{font-weight:650}
.ss-mark{font-weight:600;line-height:1.25;overflow-wrap:anywhere}
:has(>*>#below){height:0;margin-bottom:-1rem}
.ss-below{color:light-dark(#0A6558,#7ADBC7)!important;font-size:.93rem}
.ss-mark small{display:block;text-wrap:balance;font-weight:400;font-size:.87rem;opacity:.78}
.ss-remark{font-size:.93rem;line-height:1.35;padding:.1rem 0 .3rem;overflow-wrap:anywhere}
.ss-star{color:light-dark(#7A4E00,#F0CC70)}
.ss-ticks{position:relative;height:1.2rem;font-size:.8rem;white-space:nowrap}
.ss-ticks span{position:absolute;translate:-50% 0;opacity:.78}
.ss-ticks span:first-child{translate:0 0}.ss-ticks span:last-child{translate:-100% 0}
.ss-mark .sweet{color:light-dark(#0A6558,#7ADBC7);opacity:1;font-weight:600}
.ss-said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.st-key-beside [data-testid=stHorizontalBlock]>[data-testid=stElementContainer]:first-child{flex-basis:8rem!important}
:is(.st-key-plane,.st-key-top,[class*=st-key-stop-]) [data-testid=stElementToolbar]{display:none}
[data-testid=stElementToolbarButton]:has([aria-label^="Copy Vega-Lite"]){display:none!important}
:is([data-testid=stPageLink-NavLink],[role=tab],summary,.stDataFrame canvas):focus-visible{
  outline:2px solid light-dark(#0B7466,#5CCFB8);outline-offset:2px;border-radius:6px}
[class*=st-key-star-] button,[class*=st-key-take-] button{min-height:2rem;min-width:2.2rem;padding:.15rem .3rem}
[class*=st-key-take-out-]{margin-top:.4rem}
:is([class*=st-key-star-],[class*=st-key-take-],[class*=st-key-along-],[class*=st-key-turn-])
  [data-testid=stMarkdownContainer]{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
[class*=st-key-star-] [data-testid=stIconMaterial],[class*=st-key-take-] [data-testid=stIconMaterial]{font-size:1.3rem}
[class*=st-key-star-]:has(+* .ss-star-on) [data-testid=stIconMaterial]{font-size:0;color:light-dark(#7A4E00,#F0CC70)}
[class*=st-key-star-]:has(+* .ss-star-on) [data-testid=stIconMaterial]::before{content:"★";font:1.35rem/1 sans-serif}
.ss-stops{display:grid;grid-template-columns:repeat(5,1fr);text-align:center;font-size:.87rem;opacity:.78}
[class*=st-key-strip-] [data-testid=stColumn]{min-width:0!important}
[class*=st-key-stop-]{position:relative;border-radius:6px;overflow:hidden}
[class*=st-key-stop-] img{aspect-ratio:8/3;object-fit:fill;display:block}
[class*=st-key-along-]{position:absolute!important;inset:0;width:100%!important}
[class*=st-key-along-] *{height:100%;width:100%}
[class*=st-key-along-] button{min-height:0;padding:0;border:2px solid transparent;background:transparent;color:#FBFAF7;
  border-radius:6px}
[class*=st-key-along-] button:is(:hover,:focus-visible){border-color:light-dark(#0B7466,#5CCFB8);background:#0006}
[class*=st-key-along-] [data-testid=stIconMaterial]{width:auto;height:auto;filter:drop-shadow(0 0 3px #000)}
.ss-above{margin-top:.4rem}.ss-above small{display:inline;margin-left:.6rem}
.ss-note{display:flex;gap:.7rem;border-radius:8px;padding:.85rem 1rem;line-height:1.5}
.ss-note b{font-weight:650}.ss-note .ss-icon{font-size:1.35rem;line-height:1.5rem}
.ss-note code{font-family:inherit}
.ss-yellow{background:light-dark(#FBEFD0,#37300F);color:light-dark(#7A4E00,#F0CC70)}
.ss-orange{background:light-dark(#FCE7DA,#3D2415);color:light-dark(#9A3412,#FFB486)}
.ss-red{background:light-dark(#FBE3E0,#421D1A);color:light-dark(#9B1C16,#FF9E97)}
.ss-green{background:light-dark(#DDF0EA,#14342E);color:light-dark(#0A6558,#7ADBC7)}
.ss-gray{background:light-dark(#EDEAE3,#2A2C30);color:light-dark(#5C5851,#B5B2A9)}
.ss-blue{background:light-dark(#E2EBF8,#1B2A40);color:light-dark(#2C5490,#A3C2F0)}
.ss-finding{display:flex;gap:.45rem;line-height:1.45;padding:.1rem 0}
.ss-finding .ss-icon{font-size:1.2rem;line-height:1.5rem}
.ss-finding b{font-weight:600}
.ss-t-yellow{color:light-dark(#7A4E00,#F0CC70)}.ss-t-orange{color:light-dark(#9A3412,#FFB486)}
.ss-t-red{color:light-dark(#9B1C16,#FF9E97)}.ss-t-green{color:light-dark(#0A6558,#7ADBC7)}
.ss-t-gray{color:light-dark(#5C5851,#B5B2A9)}.ss-t-blue{color:light-dark(#2C5490,#A3C2F0)}
[data-testid=stMetricLabel] :is(div,p){white-space:normal!important;overflow:visible!important}
.ss-learn,.ss-check{white-space:nowrap}
.ss-learn{color:light-dark(#2C5490,#A3C2F0);opacity:1!important}.ss-check{color:light-dark(#9A3412,#FFB486);opacity:1!important}
.ss-field-error{font-size:.87rem;line-height:1.3;margin-top:-.5rem}
.ss-facts{width:100%;border-collapse:collapse;font-size:.95rem}.ss-facts td{padding:.3rem 0;border:0;vertical-align:top}
.ss-facts td:first-child{opacity:.78;padding-right:1rem;white-space:nowrap}
.ss-facts td:last-child{text-align:right;overflow-wrap:anywhere}
.ss-wide{overflow-x:auto;padding-bottom:.3rem}
.ss-table{border-collapse:collapse;font-size:.95rem;min-width:100%}
.ss-table th,.ss-table td{padding:.45rem 1.1rem .45rem 0;text-align:left;white-space:nowrap;vertical-align:top;
  border:0;border-bottom:1px solid color-mix(in srgb,currentColor 14%,transparent)}
.ss-table thead th{font-weight:400;font-size:.87rem;opacity:.78}.ss-table tbody th{font-weight:600}
.ss-table a{color:inherit}
.ss-swatch{display:inline-block;width:1.15rem;border-top:3px solid;margin-right:.45rem;vertical-align:.28em}
.ss-swatch.ss-dashed{border-top-style:dashed}.ss-mark .ss-swatch{display:block;margin-bottom:.45rem}
[class*=st-key-queued-][draggable=true]{cursor:grab}
.ss-grip{opacity:.6;line-height:1;display:block}@media(hover:none){.ss-grip{display:none}}
[data-queue-drop]{outline:2px solid light-dark(#0B7466,#5CCFB8);outline-offset:2px}
[class*=st-key-queue-buttons-]{flex-wrap:nowrap!important}
:is([class*=st-key-queue-buttons-first-] [class*=st-key-turn-earlier-],
  [class*=st-key-queue-buttons-last-] [class*=st-key-turn-later-]) button{opacity:.45}
.ss-tag{display:inline-block;padding:.05rem .5rem;margin:0 .35rem .2rem 0;border-radius:8px;font-size:.87rem;
  background:light-dark(#EDEAE3,#2A2C30);color:light-dark(#5C5851,#B5B2A9);overflow-wrap:anywhere}
.ss-note-text{white-space:pre-line;overflow-wrap:anywhere;line-height:1.5;max-height:6rem;overflow-y:auto}
.ss-names td:first-child{opacity:1;white-space:normal;overflow-wrap:anywhere}
.ss-empty{text-align:center;max-width:30rem;margin:1.2rem auto .4rem}.ss-empty p{opacity:.78;margin:.5rem 0 0}
.ss-icon{font-family:"Material Symbols Rounded";font-feature-settings:"liga";user-select:none;flex:none}
</style>"""


@lru_cache(maxsize=1)
def run_colours() -> str:
    """Rules for the colours of runs that are compared: those that the theme gives their curves, written there once."""
    light, dark = (st.get_option(f"theme.{theme}.chartCategoricalColors")[-RUNS:] for theme in ("light", "dark"))
    rules = (
        f".ss-run-{number}{{color:light-dark({pair[0]},{pair[1]})}}"
        for number, pair in enumerate(zip(light, dark, strict=True), 1)
    )
    return f"<style>{''.join(rules)}</style>"
