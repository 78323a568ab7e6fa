// schema.mjs - checks values against the schemas of a specification with ajv, and finds keys that no schema names.
import Ajv from "ajv";
import addFormats from "ajv-formats";

// nullable and const-beside-enum as OpenAPI 3.0 means them; everything else is left as it stands.
function plain(schema) {
  if (Array.isArray(schema)) {
    return schema.map(plain);
  }
  if (schema === null || typeof schema !== "object") {
    return schema;
  }
  const out = {};
  for (const [k, v] of Object.entries(schema)) {
    if (k === "nullable" || k === "example" || k === "examples" || k === "default" || k.startsWith("x-")) {
      continue;
    }
    out[k] = k === "enum" || k === "const" || k === "required" ? v : plain(v);
  }
  if (schema.nullable === true) {
    if (out.enum) {
      out.enum = [...out.enum, null];
    }
    return { anyOf: [{ type: "null" }, out] };
  }
  return out;
}

export class Schemas {
  /** document: the whole specification (its components are what $ref names). */
  constructor(document) {
    this.document = plain(document);
    this.ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true, logger: false });
    addFormats(this.ajv);
    this.ajv.addSchema({ $id: "spec", components: this.document.components });
    this.compiled = new Map();
  }

  /** pointer: "#/components/schemas/Name" or any below components. Gives texts "AT WHAT", none when the value fits. */
  check(pointer, value) {
    let validate = this.compiled.get(pointer);
    if (!validate) {
      validate = this.ajv.compile({ $ref: `spec${pointer}` });
      this.compiled.set(pointer, validate);
    }
    const found = [];
    if (!validate(value)) {
      for (const e of validate.errors) {
        if (e.keyword !== "anyOf" && e.schemaPath.indexOf("/anyOf/0/type") < 0) {
          found.push(`${place(e.instancePath)} ${what(e)}`);
        }
      }
    }
    this.extra({ $ref: pointer }, value, "", found);
    return [...new Set(found)];
  }

  resolve(schema) {
    let s = schema;
    while (s?.$ref) {
      s = s.$ref
        .slice(2)
        .split("/")
        .reduce((o, k) => o?.[k.replaceAll("~1", "/")], this.document);
    }
    return s ?? {};
  }

  // All schemas that apply to one value: through $ref, allOf, anyOf and oneOf.
  parts(schema, out = []) {
    const s = this.resolve(schema);
    out.push(s);
    for (const group of ["allOf", "anyOf", "oneOf"]) {
      for (const part of s[group] ?? []) {
        this.parts(part, out);
      }
    }
    return out;
  }

  extra(schema, value, at, found) {
    const parts = this.parts(schema);
    if (Array.isArray(value)) {
      for (const item of parts.filter((p) => p.items)) {
        value.forEach((v) => this.extra(item.items, v, `${at}/*`, found));
      }
      return;
    }
    if (value === null || typeof value !== "object") {
      return;
    }
    const open = parts.some((p) => p.additionalProperties);
    const named = parts.some((p) => p.properties);
    for (const [k, v] of Object.entries(value)) {
      const known = parts.filter((p) => p.properties && Object.hasOwn(p.properties, k));
      if (known.length > 0) {
        known.forEach((p) => this.extra(p.properties[k], v, `${at}/${k}`, found));
      } else if (named && !open) {
        found.push(`${place(at)} extra ${k}`);
      }
    }
  }
}

// "/orders/3/price" reads "/orders/*/price": which of a list it was does not matter.
function place(path) {
  return path.replace(/\/\d+(?=\/|$)/g, "/*") || "/";
}

function what(e) {
  switch (e.keyword) {
    case "required":
      return `missing ${e.params.missingProperty}`;
    case "type":
      return `not ${e.params.type}`;
    case "enum":
      return "not in enum";
    case "format":
      return `not ${e.params.format}`;
    default:
      return `${e.keyword} ${e.message}`;
  }
}
