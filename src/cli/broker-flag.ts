/** `--mqtt`: the broker that a command sends to. */
import { Flag } from "effect/cli"
import { isMqttUrl } from "../mqtt-url.ts"

export const broker = Flag.String("mqtt").pipe(
  Flag.filter(isMqttUrl, () => "a URL like mqtt://host:1883 (mqtt, mqtts, ws or wss)"),
  Flag.withDescription("The broker, with user and password if it asks for them: mqtt://user:password@host:1883"),
  Flag.withDefault("mqtt://127.0.0.1:1883"),
)
