export const CHANNELS = ["telegram", "kommo", "web", "test"] as const;
export type ChannelName = (typeof CHANNELS)[number];
