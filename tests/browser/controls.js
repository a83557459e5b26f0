// Everything on the page that can be pressed, turned, typed into or played, or could be if it were not disabled, in the
// order of the page. A dialog hides the rest. Each control gets a number in data-control, by which it is found again at
// once. Of equal ones in the rows of a list (same kind, name and key but for its numbers) two are to be pressed; the
// others are listed as alike.
() => {
  const QUERY = 'a[href], button, input:not([type=hidden]), select, textarea, summary, audio, video, [role=tab],' +
    '[role=button], [role=slider], [role=radio], [role=checkbox], [role=switch], [role=combobox], [role=menuitem],' +
    '[role=link], [contenteditable=true], .stVegaLiteChart, .stDataFrame';
  // What hands a file over: the answer is no change of the page.
  const DOWNLOADS = '.stDownloadButton, [class*="st-key-take-"]:not([class*="st-key-take-out-"]), [class*="st-key-save-"], [class*="st-key-csv-"], .st-key-zip, .st-key-export-epoch';
  for (const one of document.querySelectorAll('[data-control]')) delete one.dataset.control;
  for (const one of document.querySelectorAll('[data-alike]')) delete one.dataset.alike;
  const dialog = [...document.querySelectorAll('[role=dialog]')].filter(one => one.checkVisibility()).pop();
  const text = one => {
    const copy = one?.cloneNode(true);
    for (const icon of copy?.querySelectorAll('[data-testid=stIconMaterial]') || []) icon.remove();
    return (copy?.textContent || '').replace(/\s+/g, ' ').trim();
  };
  const name = one => {
    const by = (one.getAttribute('aria-labelledby') || '').split(' ').map(id => text(document.getElementById(id)));
    return one.getAttribute('aria-label') || by.filter(Boolean).join(' ') || text(one.labels?.[0]) ||
      (one.matches('input, audio, .stVegaLiteChart, .stDataFrame') ? '' : text(one)) || one.title || one.placeholder ||
      text(one.closest('[data-testid=stElementContainer]')?.querySelector('label')) || one.dataset.testid || '';
  };
  const kind = one => {
    if (one.closest('[data-testid=stElementToolbar]')) return 'tool';
    if (one.matches('.stVegaLiteChart')) return 'chart';
    if (one.matches('.stDataFrame')) return 'table';
    if (one.matches('audio, video')) return 'player';
    const tag = one.tagName.toLowerCase(), role = one.getAttribute('role'), type = one.getAttribute('type');
    if (role === 'slider' || type === 'range') return 'slider';
    if (role === 'combobox' || tag === 'select') return 'choice';
    if (role === 'tab') return 'tab';
    if (tag === 'summary') return 'expander';
    if (type === 'radio' || role === 'radio') return 'radio';
    if (type === 'checkbox' || role === 'checkbox' || role === 'switch') return 'toggle';
    if (type === 'number' || role === 'spinbutton') return 'number';
    if (tag === 'input' || tag === 'textarea') return 'text';
    if (tag === 'a' || role === 'link') return 'link';
    if ((one.getAttribute('aria-label') || '').startsWith('Help for')) return 'help';
    if (one.closest('.stSelectbox, .stMultiSelect')) return 'list';
    return one.closest(DOWNLOADS) ? 'download' : one.closest('.stNumberInput') ? 'step' : 'button';
  };
  const place = one => {
    if (one.closest('[data-testid=stToastContainer]')) return 'toast';
    const keyed = one.closest('[class*=st-key-]');
    return keyed ? [...keyed.classList].find(word => word.startsWith('st-key-')).slice(7).replace(/\b([0-9a-f]{8,}|\d+)\b/g, '#') : '';
  };
  const seen = {};
  return [...(dialog || document.body).querySelectorAll(QUERY)].flatMap((one, number) => {
    const what = kind(one);
    const pressed = what === 'radio' || what === 'toggle' ? one.closest('label') || one : one;
    // A link that cannot be seen may be one for keys alone, which shows itself once it has the focus.
    const hidden = !pressed.checkVisibility({ opacityProperty: what !== 'link', visibilityProperty: true });
    const box = pressed.getBoundingClientRect();
    const small = what !== 'link' && (box.width < 4 || box.height < 4);
    if (hidden || small || one.closest('[aria-hidden=true], [inert]')) return [];
    // What Streamlit and Vega build inside a chart or a table is pressed with it.
    if (one.parentElement.closest('.stVegaLiteChart, .stDataFrame') && what !== 'tool') return [];
    // Of an open list, for screen readers alone: Escape closes it.
    if (one.matches('button[tabindex="-1"][aria-label=Dismiss]')) return [];
    if (one.parentElement.closest('button, a[href], summary')) return [];
    // Streamlit puts the same tools on each chart and table that the mouse is over: each is pressed once a page.
    const figures = ['player', 'chart', 'download', 'expander', 'tab'].includes(what); // which follow the run
    const numbered = name(one).replace(figures ? /[\d.,]+/g : /(?<=: )\d+$/, '#');
    const sign = what === 'tool' ? `tool | ${name(one).split(':')[0]}` : [what, numbered, place(one)].join(' | ');
    const disabled = Boolean(one.disabled) || one.getAttribute('aria-disabled') === 'true';
    const equal = `${sign} | ${disabled}`;
    seen[equal] = (seen[equal] || 0) + 1;
    const alike = seen[equal] > (what === 'tool' ? 1 : 2);
    pressed.dataset[alike ? 'alike' : 'control'] = number;
    const numberedSign = sign + (seen[equal] > 1 ? ` | ${seen[equal]}` : '');
    return [{ number, kind: what, name: name(one), disabled, alike, sign: numberedSign }];
  });
}
