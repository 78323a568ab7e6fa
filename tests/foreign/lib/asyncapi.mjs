// asyncapi.mjs - asyncapi.yaml with its overlay of October 2026; judges a frame that the exchange sent.
import { readFileSync } from "node:fs";
import YAML from "yaml";

import { Schemas } from "./schema.mjs";

// Payload of each type that a frame may have.
const PAYLOADS = {
  subscribed: "subscribedResponsePayload",
  unsubscribed: "unsubscribedResponsePayload",
  ok: "okResponsePayload",
  error: "errorResponsePayload",
  orderbook_snapshot: "orderbookSnapshotPayload",
  orderbook_delta: "orderbookDeltaPayload",
  ticker: "tickerPayload",
  trade: "tradePayload",
  fill: "fillPayload",
  market_position: "marketPositionPayload",
  user_order: "userOrderPayload",
  order_group_updates: "orderGroupUpdatesPayload",
  market_lifecycle_v2: "marketLifecycleV2Payload",
  multivariate_market_lifecycle: "multivariateMarketLifecyclePayload",
  event_lifecycle: "eventLifecyclePayload",
  event_fee_update: "eventFeeUpdatePayload",
  cfbenchmarks_value_indexlist: "cfbenchmarksIndexListPayload",
  pyth_value_underlying_list: "pythUnderlyingListPayload",
};
const LIST = "listSubscriptionsResponsePayload";

function load(file) {
  return YAML.parse(readFileSync(file, "utf8"));
}

function applyOverlay(spec, overlay) {
  const schemas = spec.components.schemas;
  const msg = (type) => schemas[PAYLOADS[type]].properties.msg;
  const sending = overlay.envelope.sending_ts_ms;
  for (const name of [...Object.values(PAYLOADS), LIST]) {
    schemas[name].properties ??= {};
    schemas[name].properties.sending_ts_ms = { type: sending.type, format: sending.format };
  }
  for (const type of overlay.seq.documented_as_required_on) {
    if (PAYLOADS[type]) {
      schemas[PAYLOADS[type]].required ??= [];
      schemas[PAYLOADS[type]].properties.seq = { $ref: "#/components/schemas/sequenceNumber" };
      schemas[PAYLOADS[type]].required = [...new Set([...schemas[PAYLOADS[type]].required, "seq"])];
    }
  }
  for (const type of overlay.seq.still_without_seq) {
    delete schemas[PAYLOADS[type]].properties.seq; // a seq there would be an extra key
  }
  const error = schemas.errorResponsePayload;
  error.properties.sid = { $ref: "#/components/schemas/subscriptionId" };
  error.properties.seq = { $ref: "#/components/schemas/sequenceNumber" };
  error.properties.msg.properties.code = { type: "integer", enum: overlay.errors.enum };
  error.properties.msg.properties.market_tickers = { type: "array", items: { type: "string" } };
  const snapshot = schemas.orderbookSnapshotPayload;
  snapshot.properties.id = { $ref: "#/components/schemas/commandId" };
  msg("orderbook_delta").required = overlay.messages.orderbook_delta.required_msg;
  const trade = msg("trade");
  trade.required = [...new Set([...trade.required, ...overlay.messages.trade.required_msg_added])];
  const fill = msg("fill");
  fill.required = overlay.messages.fill.required_msg;
  for (const key of fill.required) {
    fill.properties[key] ??= {};
  }
  fill.properties.action = { type: "string", enum: overlay.messages.fill.action_enum };
  const order = msg("user_order");
  const o = overlay.messages.user_order;
  order.properties.exchange_index = { type: "integer" };
  order.properties.last_update_reason = { type: "string", enum: o.last_update_reason_enum };
  order.properties.status = { type: "string", enum: o.status_enum };
  order.required = [...new Set([...order.required, "exchange_index"])];
  for (const key of o.nullable) {
    order.properties[key] = { ...order.properties[key], nullable: true };
  }
  const known = ["orderbook_snapshot", "orderbook_delta", "trade", "fill", "ticker", "user_order", "unsubscribed", "ok_update", "ok_list"];
  for (const name of Object.keys(overlay.messages)) {
    if (!known.includes(name)) {
      throw new Error(`asyncapi overlay: what is message '${name}'?`);
    }
  }
}

export class AsyncApi {
  constructor(file, overlayFile) {
    const spec = load(file);
    const overlay = load(overlayFile);
    applyOverlay(spec, overlay);
    this.channels = overlay.channels.enum;
    this.schemas = new Schemas(spec);
  }

  /** Texts "TYPE AT WHAT" of everything that the specification does not say. */
  judge(frame) {
    const name = Array.isArray(frame.msg) && frame.type === "ok" ? LIST : PAYLOADS[frame.type];
    if (!name) {
      return [`${frame.type} / is no message of the specification`];
    }
    return this.schemas.check(`#/components/schemas/${name}`, frame).map((text) => `${frame.type} ${text}`);
  }
}
