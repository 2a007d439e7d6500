import { Alert, Badge, Button, Checkbox, Group, ScrollArea, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { EXPORT_URL, useImport, useRehearsal, useUndoImport } from "../../api/configuration";
import { asApiError } from "../../api/problem";
import type { ImportPlan } from "../../api/types";
import { offerUndo, ProblemText, problemTitle, showDone } from "../../app/toasts";
import { Loading } from "../../parts/states";
import classes from "./Settings.module.css";

interface Props {
  file: string;
  onClose: () => void;
}

/** What a file would change, before anything is changed. */
export function ImportPreview({ file, onClose }: Props) {
  const { t } = useTranslation();
  const [prune, setPrune] = useState(false);
  const rehearsal = useRehearsal(file, prune);
  const take = useImport();
  const undo = useUndoImport(() => showDone(t("settings.undone")));
  const plan = rehearsal.data;
  const fault = take.error ?? rehearsal.error;
  const send = () =>
    take.mutate(
      { file, prune },
      {
        onSuccess: ({ before }) => {
          onClose();
          offerUndo("import", t("settings.taken-in"), () => undo.mutate(before));
        },
      },
    );
  return (
    <Stack>
      {rehearsal.isPending && <Loading />}
      {fault && (
        <Alert color="red" variant="light" role="alert" title={problemTitle(asApiError(fault))}>
          <Faults error={fault} />
        </Alert>
      )}
      {plan && !fault && <Changes plan={plan} />}
      <Checkbox
        label={t("settings.prune")}
        description={t("settings.prune-hint")}
        checked={prune}
        onChange={(event) => setPrune(event.currentTarget.checked)}
      />
      {plan && !fault && changes(plan) > 0 && (
        <Text size="sm">
          {t("settings.before")}{" "}
          <a href={EXPORT_URL} download="callboard-before.yaml" className={classes.link}>
            {t("settings.save-before")}
          </a>
        </Text>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t("app.cancel")}
        </Button>
        <Button
          onClick={send}
          loading={take.isPending}
          disabled={!plan || rehearsal.isError || rehearsal.isFetching || changes(plan) === 0}
        >
          {t("settings.take-in")}
        </Button>
      </Group>
    </Stack>
  );
}

function Faults({ error }: { error: unknown }) {
  const flaws = asApiError(error).problem?.errors;
  if (!flaws) return <ProblemText error={asApiError(error)} />;
  return (
    <ul className={classes.faults}>
      {flaws.map((flaw) => (
        <li key={`${flaw.pointer} ${flaw.detail}`} className="wraps">
          {flaw.detail} {flaw.pointer && <code>{flaw.pointer}</code>}
        </li>
      ))}
    </ul>
  );
}

const SHOWN = ["added", "changed", "deleted", "connect"];
const COLORS: Record<string, string> = { added: "green", changed: "blue", deleted: "red", connect: "yellow" };

function Changes({ plan }: { plan: ImportPlan }) {
  const { t } = useTranslation();
  const steps = plan.steps.filter((step) => SHOWN.includes(step.fate));
  const reaches = steps.some((step) => step.what === "published");
  return (
    <Stack gap="sm">
      <Text size="sm">
        {changes(plan) === 0
          ? t("settings.no-changes", { same: plan.counts.same })
          : t("settings.changes", { ...plan.counts })}
      </Text>
      {reaches && (
        <Alert color="yellow" variant="light">
          {t("settings.reaches-customers")}
        </Alert>
      )}
      {steps.length > 0 && (
        // A list that can be scrolled must be reachable by keyboard.
        <ScrollArea.Autosize mah={280} type="auto" viewportProps={{ tabIndex: 0, "aria-label": t("settings.list") }}>
          <ul className={classes.steps} aria-label={t("settings.list")}>
            {steps.map((step) => (
              <li key={`${step.what} ${step.of} ${step.key}`} className={classes.step}>
                <Badge
                  variant="light"
                  color={COLORS[step.fate] ?? "gray"}
                  className={classes.fate}
                  tt="none"
                  autoContrast
                >
                  {t(`settings.fate.${step.fate}`)}
                </Badge>
                <Text size="sm" className="wraps">
                  {t(`settings.what.${step.what}`)} {step.what === "order" ? t(`settings.order.${step.key}`) : step.key}
                  {step.of && ` · ${step.of}`}
                  {step.fields.length > 0 && (
                    <Text span size="sm" c="dimmed">
                      {" "}
                      ({step.fields.join(", ")})
                    </Text>
                  )}
                </Text>
              </li>
            ))}
          </ul>
        </ScrollArea.Autosize>
      )}
    </Stack>
  );
}

function changes(plan: ImportPlan | undefined): number {
  return plan ? plan.counts.added + plan.counts.changed + plan.counts.deleted : 0;
}
