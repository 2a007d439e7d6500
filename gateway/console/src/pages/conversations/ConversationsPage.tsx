import { Drawer } from "@mantine/core";
import { useHotkeys, useMediaQuery } from "@mantine/hooks";
import IconMessages from "@tabler/icons-react/icons/IconMessages";
import { useTranslation } from "react-i18next";
import { useInbox } from "../../api/conversations";
import { useTitle } from "../../app/title";
import chat from "../../parts/conversation/Chat.module.css";
import { Empty } from "../../parts/states";
import { Context } from "./Context";
import classes from "./Inbox.module.css";
import { InboxList } from "./InboxList";
import { Opened } from "./Opened";
import { useInboxState } from "./state";

/** The inbox of all channels: list, conversation, and what there is to know about it. */
export function ConversationsPage() {
  const { t } = useTranslation();
  const state = useInboxState();
  const { change, opened, traced } = state;
  const list = useInbox(state.filter);
  const medium = useMediaQuery("(min-width: 62em)", false, { getInitialValueInEffect: false });
  const wide = useMediaQuery("(min-width: 90em)", false, { getInitialValueInEffect: false });
  useTitle(t("page.conversations"));
  const conversations = list.data?.pages.flatMap((page) => page.items) ?? [];
  const step = (by: number) => {
    // The address is ahead of the page, which may still be drawing what the press before asked for.
    const here = conversations.findIndex(
      (one) => one.id === new URLSearchParams(window.location.search).get("conversation"),
    );
    const next = conversations[here < 0 ? 0 : here + by];
    if (next) change({ conversation: next.id, trace: undefined });
  };
  // The field one writes in keeps the arrow keys; with Alt they are nobody's.
  useHotkeys(
    [
      ["alt+ArrowDown", () => step(1)],
      ["alt+ArrowUp", () => step(-1)],
    ],
    [],
  );
  const close = () => change({ trace: undefined, about: undefined }, true);
  return (
    <div className={chat.page}>
      <h1 className={chat.title}>{t("page.conversations")}</h1>
      {(medium || !opened) && (
        <aside className={classes.list} aria-label={t("inbox.list")}>
          <InboxList state={state} list={list} conversations={conversations} keys={medium ?? false} />
        </aside>
      )}
      {(medium || opened) && (
        <div className={chat.centre}>
          {opened ? (
            <Opened key={opened} id={opened} state={state} back={!medium} about={!wide} />
          ) : (
            <div className={chat.empty}>
              <Empty icon={<IconMessages />} title={t("inbox.choose")} text={t("inbox.choose-text")} />
            </div>
          )}
        </div>
      )}
      {opened && wide && (
        <aside className={classes.context} aria-label={t("inbox.context")}>
          <Context id={opened} traced={traced} onClose={close} />
        </aside>
      )}
      <Drawer
        opened={!wide && opened !== undefined && (traced !== undefined || state.about)}
        onClose={close}
        position="right"
        title={t(traced ? "trace.title" : "inbox.context")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        {opened && !wide && <Context id={opened} traced={traced} />}
      </Drawer>
    </div>
  );
}
