export const css = `
:host { all: initial; position: fixed; right: 20px; bottom: 20px; z-index: 2147483000; color-scheme: light;
  --color: var(--callboard-color, #2451b3); font: 15px/1.45 system-ui, sans-serif; color: #1c2430; }
* { box-sizing: border-box; font: inherit; }
[hidden] { display: none !important; }
button { cursor: pointer; border: 0; padding: 0; background: none; color: inherit; }
:focus-visible { outline: 3px solid var(--color); outline-offset: 2px; }
svg { width: 24px; height: 24px; fill: currentColor; display: block; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.launcher { position: relative; float: right; width: 56px; height: 56px; border-radius: 28px; display: grid; place-items: center;
  background: var(--color); color: #fff; box-shadow: 0 4px 16px rgb(0 0 0 / .25); }
.badge { position: absolute; top: -4px; right: -4px; min-width: 22px; height: 22px; padding: 0 6px; border-radius: 11px;
  background: #c4291c; color: #fff; font-size: 13px; line-height: 22px; text-align: center; }
.panel { position: absolute; right: 0; bottom: 72px; width: 372px; max-width: calc(100vw - 40px); height: 560px;
  max-height: calc(100vh - 112px); max-height: calc(100dvh - 112px); display: flex; flex-direction: column; overflow: hidden;
  background: #fff; border-radius: 14px; box-shadow: 0 8px 40px rgb(0 0 0 / .28); }
.head { display: flex; align-items: center; gap: 8px; padding: 12px 12px 12px 18px; background: var(--color); color: #fff; }
h2 { flex: 1; margin: 0; font-weight: 600; font-size: 17px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.close { width: 36px; height: 36px; border-radius: 8px; display: grid; place-items: center; }
.close:focus-visible { outline-color: #fff; outline-offset: -2px; }
.log { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 16px; }
.log:focus-visible { outline-offset: -3px; }
.list { display: flex; flex-direction: column; gap: 8px; }
.empty { margin: 24px 12px; text-align: center; color: #566173; }
.bubble { max-width: 86%; padding: 8px 12px; border-radius: 14px; white-space: pre-wrap; overflow-wrap: anywhere; }
.own { align-self: flex-end; background: var(--color); color: #fff; border-bottom-right-radius: 4px; }
.own a { color: inherit; }
.own :focus-visible { outline-color: #fff; }
.agent { align-self: flex-start; background: #eef1f6; border-bottom-left-radius: 4px; }
.buttons { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 8px; }
.buttons > * { padding: 6px 12px; border: 1px solid var(--color); border-radius: 10px; background: #fff; color: #1c2430; text-decoration: none; }
.draft { width: fit-content; margin-top: 8px; }
.waiting .text { opacity: .75; }
.failed { margin-top: 6px; padding: 4px 8px; border-radius: 8px; background: #fff; color: #a3180d; font-size: 13px; }
.failed button { text-decoration: underline; font-weight: 600; }
.failed :focus-visible { outline-color: var(--color); }
.typing { margin-top: 8px; color: #566173; font-size: 13px; }
.status:not(:empty) { padding: 6px 16px; background: #fdf3d7; color: #5c4400; font-size: 13px; }
form { display: flex; align-items: flex-end; gap: 8px; padding: 10px; border-top: 1px solid #dde2ea; }
textarea { flex: 1; resize: none; border: 1px solid #7d8797; border-radius: 10px; padding: 9px 12px; background: #fff; color: inherit; }
textarea::placeholder { color: #5d6878; opacity: 1; }
.send { flex: none; width: 42px; height: 42px; border-radius: 10px; display: grid; place-items: center; background: var(--color); color: #fff; }
@media (max-width: 480px) {
  .panel { position: fixed; inset: 0; width: auto; max-width: none; height: auto; max-height: none; border-radius: 0; }
  .launcher[aria-expanded="true"] { display: none; }
  textarea { font-size: 16px; }
}
@media (prefers-reduced-motion: no-preference) { .panel { animation: rise .16s ease-out; } }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
`;
