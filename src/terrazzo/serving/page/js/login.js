// The login form: a token becomes a cookie that scripts cannot read.

import {Refusal, onLogin, request, send} from './api.js';
import {byId} from './elements.js';
import {keep, kept} from './kept.js';
import {T} from './texts.js';

let waiting = null;

/** Ask for a token when the server answers 401; all requests that wait go on after it. */
export function bindLogin() {
  const dialog = byId('login');
  onLogin(() => {
    waiting ??= new Promise((done) => {
      dialog.addEventListener('close', () => { waiting = null; done(); }, {once: true});
    });
    if (!dialog.open) dialog.showModal();
    return waiting;
  });
  dialog.addEventListener('cancel', (event) => event.preventDefault()); // without a token there is nothing to see
  dialog.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await send('POST', 'session', {token: byId('token').value.trim()}, {login: false});
      byId('token').value = '';
      byId('login-notice').textContent = '';
      byId('logout').hidden = false;
      keep('terrazzo-login', '1');
      dialog.close();
    } catch (error) {
      byId('login-notice').textContent = error instanceof Refusal ? error.message : T.noAnswer;
      byId('token').select();
    }
  });
  byId('logout').hidden = !kept('terrazzo-login');
  byId('logout').addEventListener('click', async () => {
    keep('terrazzo-login', '');
    await request('DELETE', 'session', {login: false}).catch(() => {});
    location.reload();
  });
}
