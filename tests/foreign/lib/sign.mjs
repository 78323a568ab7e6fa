// sign.mjs - signatures of kalshi-api.md section 3.1, made with node's own crypto, for RSA and Ed25519 keys.
import { constants, createPrivateKey, sign } from "node:crypto";

export class Signer {
  constructor(keyId, pem) {
    this.keyId = keyId;
    this.pem = pem;
    this.key = createPrivateKey(pem);
    this.kind = this.key.asymmetricKeyType;
  }

  signText(text) {
    const bytes = Buffer.from(text);
    if (this.kind === "ed25519") {
      return sign(null, bytes, this.key).toString("base64");
    }
    return sign("sha256", bytes, {
      key: this.key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }).toString("base64");
  }

  /** skewMs: how far this client's clock is wrong. The face is the one kalshi-typescript's own signer has. */
  generateAuthHeaders(method, path, skewMs = 0) {
    const timestamp = String(Date.now() + skewMs);
    return {
      "KALSHI-ACCESS-KEY": this.keyId,
      "KALSHI-ACCESS-TIMESTAMP": timestamp,
      "KALSHI-ACCESS-SIGNATURE": this.signText(timestamp + method + path),
    };
  }
}
