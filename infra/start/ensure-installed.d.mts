export function whyInstall(root: string): string | undefined;
export function withoutOwnCommands(path: string, root: string): string;
