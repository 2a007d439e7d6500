import { Select, type SelectProps, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ROLES, type Role } from "../../../api/people";
import { useSession } from "../../../app/session";

interface Props extends Omit<SelectProps, "value" | "onChange" | "data"> {
  value: Role;
  onChange: (role: Role) => void;
}

/** A role, and what it may do; nobody gives one above their own. */
export function RolePick({ value, onChange, ...others }: Props) {
  const { t } = useTranslation();
  const { user } = useSession();
  const given = ROLES.slice(ROLES.indexOf(user.role));
  return (
    <Select
      {...others}
      allowDeselect={false}
      data={(given.includes(value) ? given : [value, ...given]).map((role) => ({
        value: role,
        label: t(`role.${role}`),
      }))}
      value={value}
      comboboxProps={{ width: 300, position: "bottom-start" }}
      renderOption={({ option }) => (
        <div>
          <Text size="sm">{option.label}</Text>
          <Text size="xs" c="dimmed">
            {t(`people.may.${option.value as Role}`)}
          </Text>
        </div>
      )}
      onChange={(role) => role && onChange(role as Role)}
    />
  );
}
