import { Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Page.module.css";

interface Props {
  title: string;
  text?: string;
  children?: ReactNode;
}

export function PageHead({ title, text, children }: Props) {
  return (
    <Group justify="space-between" align="flex-start" gap="md">
      <Stack gap={4} className={classes.words}>
        <Title order={1} size="h2" className="wraps">
          {title}
        </Title>
        {text && <Text c="dimmed">{text}</Text>}
      </Stack>
      <Group gap="xs">{children}</Group>
    </Group>
  );
}

export function Page({ children }: { children: ReactNode }) {
  return <div className={classes.page}>{children}</div>;
}
