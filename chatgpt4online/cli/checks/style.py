"""The style of the HTML report."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f5f6f8; --text: #1b1f24; --quiet: #5c6570; --line: #d5dae0;
  --good: #1a7037; --bad: #b3261e; --a: #1f5fbf; --b: #a85a00; --ins: #cfe8d5; --del: #f6d5d2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181c; --panel: #1e2329; --text: #e4e8ec; --quiet: #9aa4af; --line: #373f48;
    --good: #6cc985; --bad: #ff8a80; --a: #7fb2ff; --b: #f0aa54; --ins: #1f4a2c; --del: #5a2523;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
a { color: inherit; }
p { margin: .25rem 0; }
.quiet { color: var(--quiet); }
.good { color: var(--good); }
.bad { color: var(--bad); font-weight: 600; }
.a { color: var(--a); }
.b { color: var(--b); }
table { width: 100%; margin-top: 1.25rem; border-collapse: collapse; }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; }
th { color: var(--quiet); font-weight: 600; }
td { vertical-align: top; }
td + td { white-space: nowrap; }
.plot { margin-top: .75rem; }
.row {
  display: grid; grid-template-columns: 14rem 1fr; gap: 0 1rem; align-items: center;
  padding: .25rem .75rem .25rem 0;
}
svg { display: block; overflow: visible; }
svg line { stroke: var(--line); }
svg text { fill: var(--quiet); font-size: .8rem; }
svg circle { stroke-width: 2; }
svg circle.a { fill: var(--a); stroke: var(--a); fill-opacity: .5; }
svg circle.b { fill: none; stroke: var(--b); }
svg line.median { stroke-width: 2; }
svg line.a { stroke: var(--a); }
svg line.b { stroke: var(--b); }
.axis { color: var(--quiet); font-size: .8rem; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .75rem 0; }
summary { cursor: pointer; padding: .6rem .9rem; }
summary strong { margin-right: .6rem; }
.body { padding: 0 .9rem .9rem; scroll-margin-top: 4rem; }
.prompt { margin: .5rem 0; padding-left: .75rem; border-left: 3px solid var(--line); }
.runs { display: grid; gap: .6rem; }
.runs.two { grid-template-columns: 1fr 1fr; }
.run { background: var(--panel); border-radius: .4rem; padding: .6rem .75rem; min-width: 0; }
.prompt, .reply { white-space: pre-wrap; }
ins { background: var(--ins); }
del { background: var(--del); }
@media (max-width: 40rem) {
  .row, .runs.two { grid-template-columns: 1fr; }
  th, td { padding-right: .5rem; }
}
"""
