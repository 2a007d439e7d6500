export const CHANNELS = ["telegram", "kommo", "web", "test"] as const;
/** Without a provider: nothing to connect. */
export const OWN: readonly string[] = ["test", "web"];
export type ChannelName = (typeof CHANNELS)[number];
