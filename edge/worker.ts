import { createApp } from "./routes/app.ts";

export { Dispatcher } from "./objects/dispatcher.ts";
export { Engine } from "./objects/engine.ts";
export { Tenant } from "./objects/tenant.ts";

export default createApp();
