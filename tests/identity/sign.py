"""Signs a token by every algorithm with PyJWT and with Authlib: one JSON line for each.

Reads {"keys": [private JSON Web Keys], "secret": text, "claims": {...}} from standard input.
"""

import json
import sys

import jwt
from authlib.jose import JsonWebKey, JsonWebToken

given = json.load(sys.stdin)
claims = given["claims"]


def tell(library, algorithm, token):
    text = token.decode() if isinstance(token, bytes) else token
    print(json.dumps({"library": library, "algorithm": algorithm, "token": text}))


for key in given["keys"]:
    algorithm, kid = key["alg"], key["kid"]
    tell("PyJWT", algorithm, jwt.encode(claims, jwt.PyJWK(key).key, algorithm=algorithm, headers={"kid": kid}))
    header = {"alg": algorithm, "kid": kid}
    signer = JsonWebToken([algorithm])
    tell("Authlib", algorithm, signer.encode(header, claims, JsonWebKey.import_key(key)))

for algorithm in ["HS256", "HS384", "HS512"]:
    tell("PyJWT", algorithm, jwt.encode(claims, given["secret"], algorithm=algorithm))
    tell("Authlib", algorithm, JsonWebToken([algorithm]).encode({"alg": algorithm}, claims, given["secret"]))
