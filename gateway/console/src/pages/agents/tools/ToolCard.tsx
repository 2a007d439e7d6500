import { ActionIcon, Button, Card, Checkbox, Fieldset, Group, Stack, Text, Textarea, TextInput } from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import type { Script, Sequence } from "../../../api/types";
import { ActionsForm } from "../../rules/ActionsForm";
import { freshParameter, type ParameterDraft, type ToolDraft } from "./draft";

const MOST = 10;

interface Props {
  tool: ToolDraft;
  mayEdit: boolean;
  faults: Map<string, string>;
  scripts: Script[];
  sequences: Sequence[];
  onChange: (tool: ToolDraft) => void;
  onRemove: () => void;
}

/** One tool: when it is used, what has to be known, and what is done. */
export function ToolCard({ tool, mayEdit, faults, scripts, sequences, onChange, onRemove }: Props) {
  const { t } = useTranslation();
  const set = (changes: Partial<ToolDraft>) => onChange({ ...tool, ...changes });
  const names = tool.parameters.map(({ name }) => name.trim()).filter(Boolean);
  return (
    <Card withBorder padding="lg" component="section" aria-label={tool.name || t("tools.unnamed")}>
      <Fieldset variant="unstyled" disabled={!mayEdit}>
        <Stack>
          <Group justify="space-between" align="flex-start" wrap="nowrap">
            <TextInput
              flex={1}
              label={t("tools.name")}
              description={t("tools.name-hint")}
              maxLength={64}
              value={tool.name}
              error={faults.get("/name")}
              onChange={(event) => set({ name: event.currentTarget.value })}
            />
            {mayEdit && (
              <ActionIcon onClick={onRemove} aria-label={t("tools.remove", { name: tool.name || t("tools.unnamed") })}>
                <IconX size={16} />
              </ActionIcon>
            )}
          </Group>
          <Textarea
            label={t("tools.when")}
            description={t("tools.when-hint")}
            autosize
            minRows={2}
            maxRows={6}
            maxLength={1_000}
            value={tool.description}
            error={faults.get("/description")}
            onChange={(event) => set({ description: event.currentTarget.value })}
          />
          <Fieldset legend={t("tools.asks")}>
            <Stack gap="sm">
              <Text size="sm" c="dimmed">
                {t("tools.asks-hint")}
              </Text>
              {tool.parameters.map((parameter, number) => (
                <Parameter
                  key={parameter.id}
                  parameter={parameter}
                  error={faults.get(`/parameters/${number}/name`)}
                  onChange={(changed) =>
                    set({ parameters: tool.parameters.map((old) => (old.id === parameter.id ? changed : old)) })
                  }
                  onRemove={() => set({ parameters: tool.parameters.filter(({ id }) => id !== parameter.id) })}
                />
              ))}
              {mayEdit && tool.parameters.length < MOST && (
                <Button
                  w="fit-content"
                  size="compact-md"
                  variant="light"
                  leftSection={<IconPlus size={14} />}
                  onClick={() => set({ parameters: [...tool.parameters, freshParameter()] })}
                >
                  {t("tools.add-parameter")}
                </Button>
              )}
            </Stack>
          </Fieldset>
          <Fieldset legend={t("tools.does")}>
            <Stack gap="sm">
              {names.length > 0 && (
                <Text size="sm" c="dimmed" className="wraps">
                  {t("tools.does-hint", { names: names.map((name) => `{tool.${name}}`).join(", ") })}
                </Text>
              )}
              <ActionsForm
                actions={tool.actions}
                faults={faults}
                scripts={scripts}
                sequences={sequences}
                without={["wait", "stop"]}
                onChange={(actions) => set({ actions })}
              />
            </Stack>
          </Fieldset>
        </Stack>
      </Fieldset>
    </Card>
  );
}

interface ParameterProps {
  parameter: ParameterDraft;
  error: string | undefined;
  onChange: (parameter: ParameterDraft) => void;
  onRemove: () => void;
}

function Parameter({ parameter, error, onChange, onRemove }: ParameterProps) {
  const { t } = useTranslation();
  return (
    <Group gap="xs" align="flex-end">
      <TextInput
        flex="1 1 120px"
        label={t("tools.parameter")}
        maxLength={64}
        value={parameter.name}
        error={error}
        onChange={(event) => onChange({ ...parameter, name: event.currentTarget.value })}
      />
      <TextInput
        flex="2 1 200px"
        label={t("tools.meaning")}
        maxLength={500}
        value={parameter.description}
        onChange={(event) => onChange({ ...parameter, description: event.currentTarget.value })}
      />
      <Checkbox
        mb={8}
        label={t("tools.required")}
        checked={parameter.required}
        onChange={(event) => onChange({ ...parameter, required: event.currentTarget.checked })}
      />
      <ActionIcon mb={4} onClick={onRemove} aria-label={t("tools.remove-parameter", { name: parameter.name })}>
        <IconX size={16} />
      </ActionIcon>
    </Group>
  );
}
