// openapi.mjs - openapi.yaml with its 3.32 overlay; judges a response: operation, status, body.
import { readFileSync } from "node:fs";
import YAML from "yaml";

import { Schemas } from "./schema.mjs";

const ERROR = "#/components/schemas/ErrorResponse";

function load(file) {
  return YAML.parse(readFileSync(file, "utf8"));
}

// The overlay is a list of changes written for people; each kind that touches responses is applied, a kind that this does
// not know fails, so that a newer overlay is not passed over.
function applyOverlay(spec, overlay) {
  const error = { content: { "application/json": { schema: { $ref: ERROR } } } };
  for (const [route, op] of Object.entries(overlay.paths.added)) {
    if (op.responses) {
      const [method, path] = route.split(" ");
      const responses = {};
      for (const [status, body] of Object.entries(op.responses)) {
        responses[status] = body === "ErrorResponse" ? error : {};
      }
      spec.paths[path] ??= {};
      spec.paths[path][method.toLowerCase()] = { operationId: op.operationId, responses };
    }
  }
  for (const [route, change] of Object.entries(overlay.paths.changed)) {
    const [method, path] = route.split(" ");
    const op = spec.paths[path]?.[method.toLowerCase()];
    for (const status of change.responses_added ?? []) {
      op.responses[status] = error;
    }
    if (typeof change.response_added === "object") {
      const [ok] = Object.keys(op.responses).filter((s) => s < "300");
      const name = op.responses[ok].content["application/json"].schema.$ref.split("/").pop();
      for (const [key, type] of Object.entries(change.response_added)) {
        spec.components.schemas[name].properties[key] = { type };
      }
    }
    for (const key of Object.keys(change)) {
      if (!["responses_added", "request", "request_added", "query", "query_added", "response", "response_added", "since"].includes(key)) {
        throw new Error(`openapi overlay: ${route}: what is '${key}'?`);
      }
    }
  }
  for (const [name, change] of Object.entries(overlay.schemas)) {
    if (name === "responses") {
      continue; // bodies of statuses, same ErrorResponse
    }
    const schema = spec.components.schemas[name];
    for (const key of change.removed ?? []) {
      delete schema.properties[key];
      schema.required = (schema.required ?? []).filter((k) => k !== key);
    }
    for (const [key, field] of Object.entries(change.added ?? {})) {
      schema.properties[key] = fieldSchema(field);
      if (field.required === true) {
        schema.required.push(key);
      }
    }
  }
}

function fieldSchema(field) {
  let out;
  if (field.type === "array of string") {
    out = { type: "array", items: { type: "string" } };
  } else if (/^[A-Z]/.test(field.type)) {
    out = { allOf: [{ $ref: `#/components/schemas/${field.type}` }] };
  } else {
    out = { type: field.type };
  }
  if (field.enum) {
    out.enum = field.enum;
  }
  if (field.nullable) {
    out.nullable = true;
  }
  return out;
}

export class OpenApi {
  constructor(file, overlayFile) {
    const spec = load(file);
    applyOverlay(spec, load(overlayFile));
    this.operations = [];
    spec.components.answers = {};
    for (const [path, methods] of Object.entries(spec.paths)) {
      for (const [method, op] of Object.entries(methods)) {
        if (!op.responses) {
          continue;
        }
        for (const [status, response] of Object.entries(op.responses)) {
          const named = response.$ref ? spec.components.responses[response.$ref.split("/").pop()] : response;
          const schema = named?.content?.["application/json"]?.schema;
          if (schema) {
            spec.components.answers[`${op.operationId}-${status}`] = schema;
          }
        }
        this.operations.push({
          id: op.operationId,
          method: method.toUpperCase(),
          path,
          // Named segments before placeholders, so that /markets/trades is not a market.
          rank: path.split("{").length,
          match: new RegExp(`^/trade-api/v2${path.replace(/\{[^}]+\}/g, "[^/]+")}$`),
          statuses: new Set(Object.keys(op.responses)),
        });
      }
    }
    this.operations.sort((a, b) => a.rank - b.rank);
    this.schemas = new Schemas(spec);
    this.answers = spec.components.answers;
  }

  operation(method, path) {
    return this.operations.find((o) => o.method === method && o.match.test(path));
  }

  /** Texts "OPERATION STATUS AT WHAT" of everything that the specification does not say. */
  judge(method, path, answer) {
    const op = this.operation(method, path);
    if (!op) {
      return [`none ${answer.status} / ${shape(answer)} for a route that is not in the specification`];
    }
    const found = [];
    const name = `${op.id}-${answer.status}`;
    if (!op.statuses.has(String(answer.status))) {
      found.push("/ status is not in the specification");
    }
    if (answer.status >= 400) {
      const s = shape(answer);
      if (s === "flat") {
        found.push(...this.schemas.check(ERROR, answer.body));
      } else {
        found.push(`/ error of the shape ${s}`);
      }
    } else if (this.answers[name]) {
      if (!/^application\/json/.test(answer.type) || answer.body === undefined) {
        found.push(`/ is ${answer.type}, not JSON`);
      } else {
        found.push(...this.schemas.check(`#/components/answers/${name}`, answer.body));
      }
    } else if (op.statuses.has(String(answer.status)) && answer.text !== "") {
      found.push("/ a body where none is");
    }
    return found.map((text) => `${op.id} ${answer.status} ${text}`);
  }
}

function only(o, required, optional = []) {
  return (
    o !== null &&
    typeof o === "object" &&
    required.every((k) => typeof o[k] === "string") &&
    Object.entries(o).every(([k, v]) => (required.includes(k) || optional.includes(k)) && typeof v === "string")
  );
}

/** Which of the four error shapes of section 7.2 it is, or "text", or something that none is. */
export function shape(answer) {
  const b = answer.body;
  if (b === undefined) {
    return /^text\/plain/.test(answer.type) ? "text" : `no JSON (${answer.type})`;
  }
  if (!/^application\/json/.test(answer.type)) {
    return `JSON sent as ${answer.type}`;
  }
  if (only(b, ["code", "message"], ["details"])) {
    return "flat";
  }
  if (only(b, ["msg"])) {
    return "msg";
  }
  if (only(b, ["error"])) {
    return "string";
  }
  if (Object.keys(b).length === 1 && only(b.error, ["code", "message"], ["details"])) {
    return "nested";
  }
  if (Object.keys(b).length === 1 && only(b.error, ["code", "message", "service"], ["details"])) {
    return "nested with service";
  }
  return "unknown";
}
