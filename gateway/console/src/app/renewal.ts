import { router } from "./router";

const TRIED = "callboard.renewed";

/**
 * A page whose file is gone because a newer version was installed is loaded anew, where the reader wanted to go. Once: what is still
 * not there then is missing for another reason, and the reader is told.
 */
export function renewAfterUpdates(): void {
  window.addEventListener("vite:preloadError", () => {
    const version = import.meta.url;
    if (sessionStorage.getItem(TRIED) === version) return;
    sessionStorage.setItem(TRIED, version);
    const wanted = router.state.navigation.location;
    if (wanted) location.assign(`${wanted.pathname}${wanted.search}${wanted.hash}`);
    else location.reload();
  });
}
