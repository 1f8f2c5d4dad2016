/* Everything here is comfort: each page works without it. No HTML is ever made from
   text, so that the page can demand Trusted Types and allow none. */
'use strict';
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const root = document.documentElement;
  const body = document.body;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  /* One line at the foot of the page, read out by screen readers. */
  let quiet = 0;
  const say = (text) => {
    const live = $('#live');
    live.textContent = text;
    clearTimeout(quiet);
    quiet = setTimeout(() => { live.textContent = ''; }, 4000);
  };

  /* Copy */
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say(body.dataset.copied);
    } catch {
      say(body.dataset.copyFailed);
    }
  });

  /* Dialogs: links to #id without script, modal with it */
  const close = (dialog) => {
    if (dialog.open) dialog.close();
    if (location.hash === `#${dialog.id}`) history.replaceState(null, '', location.pathname + location.search);
  };
  document.addEventListener('click', (event) => {
    const opener = event.target.closest('[data-dialog]');
    const closer = event.target.closest('[data-dialog-close]');
    if (opener) {
      event.preventDefault();
      const dialog = $(opener.hash);
      dialog.showModal();
      dialog.addEventListener('close', () => opener.focus(), { once: true });
    } else if (closer) {
      event.preventDefault();
      close(closer.closest('dialog'));
    } else if (event.target.matches('dialog')) {
      const box = event.target.getBoundingClientRect();
      const outside = event.clientX < box.x || event.clientX > box.x + box.width || event.clientY < box.y || event.clientY > box.y + box.height;
      if (outside && event.clientX + event.clientY > 0) close(event.target);
    }
  });
  $$('a[data-dialog]').forEach((opener) => {
    opener.setAttribute('role', 'button');
    opener.addEventListener('keydown', (event) => {
      if (event.key === ' ') { event.preventDefault(); opener.click(); }
    });
  });

  /* A dangerous button waits until the word is typed */
  $$('form[data-confirm-word]').forEach((form) => {
    const input = form.elements.confirmation;
    const button = $('button', form);
    const word = form.dataset.confirmWord.toLowerCase();
    const check = () => { button.disabled = input.value.trim().toLowerCase() !== word; };
    input.addEventListener('input', check);
    check();
  });

  /* Menus close on Escape and on a click elsewhere */
  const menus = $$('details.menu');
  document.addEventListener('click', (event) => {
    menus.forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  menus.forEach((menu) => menu.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !menu.open) return;
    menu.open = false;
    $('summary', menu).focus();
  }));

  /* A form is sent once, however often it is clicked */
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post') return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = 'yes';
    const button = event.submitter;
    if (button) button.setAttribute('aria-disabled', 'true');
  });
  addEventListener('pageshow', () => {
    $$('form[data-sent]').forEach((form) => {
      delete form.dataset.sent;
      $$('[aria-disabled]', form).forEach((button) => button.removeAttribute('aria-disabled'));
    });
  });

  /* Error summary: focus it, and lead its links to the field with its label in sight */
  const summary = $('.error-summary');
  if (summary) {
    summary.focus();
    summary.addEventListener('click', (event) => {
      const link = event.target.closest('a[href^="#"]');
      const field = link && document.getElementById(link.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      (field.closest('.field') || field).scrollIntoView();
      field.focus({ preventScroll: true });
    });
  }

  /* Selecting rows: all, shift-range, count, sum */
  $$('table[data-bulk]').forEach((table) => {
    const all = $('[data-bulk-all]', table);
    const rows = $$('tbody input[type=checkbox]', table);
    const bar = document.getElementById(table.dataset.bulk);
    let last = -1;
    const sync = () => {
      const chosen = rows.filter((row) => row.checked);
      rows.forEach((row) => row.closest('tr').setAttribute('aria-selected', row.checked));
      all.checked = rows.length > 0 && chosen.length === rows.length;
      all.indeterminate = chosen.length > 0 && !all.checked;
      if (!bar) return;
      bar.hidden = chosen.length === 0;
      $('[data-bulk-count]', bar).textContent = chosen.length;
      const sum = $('[data-bulk-sum]', bar);
      if (!sum) return;
      const minor = chosen.reduce((total, row) => total + Number(row.dataset.minor), 0);
      const digits = Number(sum.dataset.exponent);
      sum.textContent = new Intl.NumberFormat(root.lang, {
        style: 'currency', currency: sum.dataset.currency, minimumFractionDigits: digits, maximumFractionDigits: digits,
      }).format(minor / 10 ** digits).replace('-', '\u2212');
    };
    all.addEventListener('change', () => { rows.forEach((row) => { row.checked = all.checked; }); sync(); });
    table.addEventListener('click', (event) => {
      const index = rows.indexOf(event.target);
      if (index < 0) return;
      if (event.shiftKey && last >= 0) {
        rows.slice(Math.min(index, last), Math.max(index, last) + 1).forEach((row) => { row.checked = event.target.checked; });
      }
      last = index;
      sync();
    });
    table.clearSelection = () => { rows.forEach((row) => { row.checked = false; }); sync(); };
    sync();
  });

  /* Drafts save themselves 1.5 s after typing; what failed is tried again */
  $$('form[data-autosave]').forEach((form) => {
    const line = $('[data-autosave-status]');
    let timer = 0, request = null, turn = 0, wait = 2000;
    const later = (delay) => { clearTimeout(timer); timer = setTimeout(save, delay); };
    async function save() {
      const mine = ++turn;
      if (request) request.abort();
      request = new AbortController();
      line.textContent = line.dataset.saving;
      try {
        const data = new FormData(form);
        [...data].forEach(([name, value]) => { if (value instanceof File) data.delete(name); });
        const response = await fetch(form.dataset.autosave, {
          method: 'POST', body: data, signal: request.signal,
          headers: { Accept: 'application/json', 'X-Autosave': '1' },
        });
        if (mine !== turn) return;
        if (response.status === 409) { line.textContent = line.dataset.conflict; return; }
        if (!response.ok) throw new Error(response.status);
        const answer = await response.json().catch(() => ({}));
        if (answer.version !== undefined && form.elements.version) form.elements.version.value = answer.version;
        const time = new Intl.DateTimeFormat(root.lang, { timeStyle: 'short' }).format(new Date());
        line.textContent = fill(line.dataset.saved, { t: time });
        wait = 2000;
      } catch (error) {
        if (error.name === 'AbortError' || mine !== turn) return;
        line.textContent = line.dataset.failed;
        wait = Math.min(wait * 2, 60000);
        later(wait);
      }
    }
    form.addEventListener('input', () => later(1500));
    form.addEventListener('submit', (event) => {
      clearTimeout(timer);
      if (!navigator.onLine) { event.preventDefault(); line.textContent = line.dataset.failed; later(wait); return; }
      turn++;
      if (request) request.abort();
    });
  });

  /* What a text comes to is shown while it is written: the page that the button would
     bring is asked for, and its parts take the place of those that are here */
  $$('form[data-live]').forEach((form) => {
    let timer = 0, request = null;
    const look = () => {
      if (request) request.abort();
      request = new XMLHttpRequest();
      request.open('POST', location.pathname);
      request.responseType = 'document';
      request.addEventListener('load', ({ target }) => {
        $$('[data-live-view]', target.response || undefined).forEach((fresh) => {
          const old = document.getElementById(fresh.id);
          if (old && old !== fresh) old.replaceWith(document.adoptNode(fresh));
        });
      });
      const data = new FormData(form);
      data.set('do', form.dataset.live);
      request.send(data);
    };
    form.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(look, 700); });
    form.addEventListener('submit', () => clearTimeout(timer));
  });

  /* Questions that are asked only after certain answers */
  $$('[data-show-when]').forEach((box) => {
    const form = box.closest('form');
    const wanted = box.dataset.showAny.split(' ');
    const sync = () => { box.hidden = !new FormData(form).getAll(box.dataset.showWhen).some((value) => wanted.includes(value)); };
    $('[data-show-note]', box).hidden = true;
    form.addEventListener('change', sync);
    sync();
  });

  /* One window at a time: a second one of the same attempt can only be read */
  const once = $('[data-one-window]');
  if (once && navigator.locks) {
    navigator.locks.request(once.dataset.oneWindow, { ifAvailable: true }, (lock) => {
      if (lock) return new Promise(() => {});
      $('[data-second-window]').hidden = false;
      $$('[data-one-window] form').forEach((form) => { for (const field of form.elements) field.disabled = true; });
    });
  }

  /* Undo: say how long it is still possible */
  $$('[data-undo-until]').forEach((form) => {
    const until = Date.parse(form.dataset.undoUntil);
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0) { form.remove(); return; }
      $('[data-undo-left]', form).textContent = fill(form.dataset.undoText, { n: left });
      setTimeout(tick, 500);
    };
    tick();
  });

  /* Exam clock: by the server's time, announced at 10, 5 and 1 minutes */
  $$('[data-deadline]').forEach((clock) => {
    const offset = Date.parse(clock.dataset.now) - Date.now();
    const deadline = Date.parse(clock.dataset.deadline);
    const shown = $('[data-clock-text]', clock);
    const said = $('[data-clock-say]', clock);
    const announced = new Set();
    const words = (minutes) => (minutes < 1 ? clock.dataset.seconds : minutes === 1 ? clock.dataset.minute : fill(clock.dataset.minutes, { n: minutes }));
    const tick = () => {
      const left = deadline - Date.now() - offset;
      if (left <= 0) {
        shown.textContent = said.textContent = clock.dataset.over;
        const form = clock.dataset.submit && document.getElementById(clock.dataset.submit);
        if (form) form.requestSubmit();
        return;
      }
      const minutes = left < 60000 ? 0 : Math.ceil(left / 60000);
      shown.textContent = words(minutes);
      if ([10, 5, 1].includes(minutes) && !announced.has(minutes)) {
        announced.add(minutes);
        said.textContent = words(minutes);
      }
      setTimeout(tick, 1000);
    };
    tick();
  });

  /* Jobs: ask how far it is, and show the result when it is done */
  $$('[data-poll]').forEach((job) => {
    const bar = $('progress', job);
    const text = $('[data-poll-text]', job);
    const ask = async () => {
      try {
        const response = await fetch(job.dataset.poll, { headers: { Accept: 'application/json' } });
        if (!response.ok) throw new Error(response.status);
        const state = await response.json();
        bar.max = state.total || 1;
        bar.value = state.done;
        if (text.textContent !== state.text) text.textContent = state.text;
        if (state.finished) { location.reload(); return; }
        setTimeout(ask, 1500);
      } catch {
        setTimeout(ask, 6000);
      }
    };
    setTimeout(ask, 1500);
  });

  /* Keyboard: a key is whatever stands in data-key; "g c" is two keys in a row */
  const typing = 'input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]';
  const help = $('#keys-help');
  const list = $('[data-keys-list]');
  const describe = (key, label) => {
    const term = document.createElement('dt');
    const box = document.createElement('kbd');
    box.textContent = key;
    term.append(box);
    const text = document.createElement('dd');
    text.textContent = label;
    list.append(term, text);
  };
  const nameOf = (element) => {
    if (element.labels && element.labels.length) return element.labels[0].textContent;
    const copy = element.cloneNode(true);
    $$('kbd, .vh, .tag', copy).forEach((part) => part.remove());
    return element.getAttribute('aria-label') || copy.textContent.trim();
  };
  if (list) {
    $$('[data-key]').forEach((element) => describe(element.dataset.key, nameOf(element)));
    if ($('table[data-bulk]')) {
      describe('x', list.dataset.labelSelect);
      describe('Esc', list.dataset.labelClear);
    }
    describe('?', list.dataset.labelHelp);
  }
  if (body.dataset.keys === 'on') {
    let prefix = '', timer = 0;
    document.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.target.closest(typing) || $('dialog[open]')) return;
      if (event.key === '?' && help) { event.preventDefault(); help.showModal(); return; }
      if (event.key === 'Escape') { $$('table[data-bulk]').forEach((table) => table.clearSelection()); return; }
      const row = event.target.closest('tbody tr');
      if (event.key === 'x' && row && $('input[type=checkbox]', row)) { $('input[type=checkbox]', row).click(); return; }
      const key = prefix ? `${prefix} ${event.key}` : event.key;
      clearTimeout(timer);
      prefix = '';
      const target = $(`[data-key="${CSS.escape(key)}"]`);
      if (target) {
        event.preventDefault();
        target.focus(); /* so that focus comes back here after a dialog */
        if (!target.matches('input')) target.click();
      } else if (event.key === 'g') {
        prefix = 'g';
        timer = setTimeout(() => { prefix = ''; }, 1000);
      }
    });
  }

  /* On a phone the navigation is a strip: bring the page one is on into view */
  const here = $('.side [aria-current]');
  const strip = here && here.closest('nav');
  if (strip && strip.scrollWidth > strip.clientWidth) {
    strip.scrollLeft += here.getBoundingClientRect().x - strip.clientWidth / 2 + here.clientWidth / 2;
  }
})();
