import { useTranslation } from "react-i18next";
import { MOST_BYTES, useUpload } from "../../api/knowledge";
import { ApiError } from "../../api/problem";
import { showDone, showProblem } from "../../app/toasts";

export const ENDINGS = ".txt,.md,.markdown,.csv,.pdf,.docx,.html,.htm";

/** Send files one after the other; what was refused is said, and the others go on. */
export function useFiles(agentId: string) {
  const { t } = useTranslation();
  const { mutateAsync, isPending, variables } = useUpload(agentId);
  const send = async (files: File[]) => {
    let taken = 0;
    for (const file of files) {
      if (file.size > MOST_BYTES) {
        const detail = t("knowledge.too-large", { name: file.name });
        showProblem(new ApiError(413, { type: "", title: "", status: 413, detail }));
        continue;
      }
      await mutateAsync(file).then(() => {
        taken += 1;
      }, showProblem);
    }
    if (taken > 0) showDone(t("knowledge.taken", { count: taken }));
  };
  return { send, uploading: isPending ? variables.name : undefined };
}
