import { Code, Group } from "@mantine/core";
import { CopyButton } from "./CopyButton";

/** What is pasted elsewhere. */
export function Copied({ value }: { value: string }) {
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start">
      <Code className="wraps">{value}</Code>
      <CopyButton value={value} />
    </Group>
  );
}
