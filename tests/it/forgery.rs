//! Forged tokens, by every usual attack: none is accepted, and all are rejected with one sentence.

use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{SECRET, TestServer, Token};

/// The one sentence for every token that will not do.
const SENTENCE: &str = "Missing or invalid token";

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let six = bits >> (18 - 6 * place) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}

/// `header` and `claims` with a true signature of the test's own secret.
fn signed(header: &Value, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims.as_bytes())
    );
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
    format!("{message}.{}", signature.expect("signed"))
}

/// Says that `token` opens nothing, and that this is told in the one sentence.
async fn refused(server: &TestServer, what: &str, token: &str) {
    let request = server
        .anonymous()
        .request(Method::GET, "/api/v1/calls/active");
    let over_rest = server.anonymous().send(request.bearer_auth(token)).await;
    let over_socket = server
        .anonymous()
        .refused_upgrade("/ws/chat", &[("authorization", &format!("Bearer {token}"))])
        .await;
    for answer in [over_rest, over_socket] {
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        assert_eq!(answer.failure(401, "unauthenticated"), SENTENCE, "{what}");
    }
}

#[rocket::async_test]
async fn no_forgery_of_the_usual_list_opens_anything() {
    let server = TestServer::start().await;
    let now = server.now().as_millis() / 1000;
    let claims = json!({ "sub": "alice", "sid": "forged", "exp": now + 600 }).to_string();
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    // The forge itself is sound: what is refused below is refused for what was changed.
    let answer = server.client(&signed(&hs256, &claims)).active().await;
    answer.success(200);

    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS1", "RS256", "ES256", "EdDSA", "hs256", "HS256 ",
    ] {
        let header = json!({ "alg": alg, "typ": "JWT" });
        refused(&server, alg, &signed(&header, &claims)).await;
        let unsigned = format!(
            "{}.{}.",
            base64url(header.to_string().as_bytes()),
            base64url(claims.as_bytes())
        );
        refused(&server, alg, &unsigned).await;
    }
    for header in [
        json!({ "typ": "JWT" }),
        json!({ "alg": null }),
        json!({ "alg": ["HS256"] }),
        json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 }),
        json!([]),
        json!("HS256"),
    ] {
        refused(&server, &header.to_string(), &signed(&header, &claims)).await;
    }
    let other = EncodingKey::from_secret(&[7; 40]);
    let foreign = Token::of("alice", server.now()).sign_with(Algorithm::HS256, &other);
    let (message, signature) = foreign.rsplit_once('.').expect("a token");
    for kid in [
        "../../../../dev/null",
        "' OR 1=1 --",
        "/etc/passwd",
        "http://127.0.0.1/key",
        "",
    ] {
        // A key named by the token, or brought along in it, is not looked at.
        let header = json!({
            "alg": "HS256", "kid": kid, "jku": "http://127.0.0.1:1/jwks.json", "x5u": "http://127.0.0.1:1/x",
            "jwk": { "kty": "oct", "k": base64url(&[7; 40]) },
        });
        let body = message.split_once('.').expect("two parts").1;
        let message = format!("{}.{body}", base64url(header.to_string().as_bytes()));
        let forged = jsonwebtoken::crypto::sign(message.as_bytes(), &other, Algorithm::HS256)
            .expect("signed");
        refused(&server, kid, &format!("{message}.{forged}")).await;
    }
    let [alices, bobs] = ["alice", "bob"].map(|user| server.token(user).sign());
    let other_claims = {
        let (alices, bobs): (Vec<_>, Vec<_>) =
            (alices.split('.').collect(), bobs.split('.').collect());
        format!("{}.{}.{}", alices[0], bobs[1], alices[2])
    };
    for (what, token) in [
        ("claims of another token", other_claims),
        (
            "empty secret",
            Token::of("alice", server.now())
                .sign_with(Algorithm::HS256, &EncodingKey::from_secret(b"")),
        ),
        (
            "cut signature",
            format!("{message}.{}", &signature[..signature.len() - 1]),
        ),
        ("no signature", format!("{message}.")),
        ("one part", message.replace('.', "")),
        ("two parts", message.to_owned()),
        ("four parts", format!("{message}.{signature}.{signature}")),
        ("padding", format!("{message}.{signature}=")),
        ("dots", "..".to_owned()),
        ("nothing but letters", "x".repeat(1000)),
        (
            "huge",
            format!(
                "{}.{}.{signature}",
                base64url(&vec![b' '; 5000]),
                base64url(&vec![b' '; 50_000])
            ),
        ),
    ] {
        refused(&server, what, &token).await;
    }
}

#[rocket::async_test]
async fn claims_that_are_missing_or_odd_open_nothing() {
    let server = TestServer::start().await;
    let now = server.now().as_millis() / 1000;
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let soon = now + 600;
    for claims in [
        json!({ "sub": "alice" }).to_string(),
        json!({ "sub": "alice", "exp": null }).to_string(),
        json!({ "sub": "alice", "exp": soon.to_string() }).to_string(),
        json!({ "sub": "alice", "exp": [soon] }).to_string(),
        json!({ "sub": "alice", "exp": true }).to_string(),
        json!({ "sub": "alice", "exp": -1 }).to_string(),
        json!({ "sub": "alice", "exp": 0 }).to_string(),
        json!({ "sub": "alice", "exp": now - 31 }).to_string(),
        r#"{"sub":"alice","exp":1e999}"#.to_owned(),
        r#"{"sub":"alice","exp":NaN}"#.to_owned(),
        json!({ "sub": "alice", "exp": soon, "nbf": now + 60 }).to_string(),
        json!({ "sub": "alice", "exp": soon, "nbf": "now" }).to_string(),
        json!({ "exp": soon }).to_string(),
        json!({ "sub": null, "exp": soon }).to_string(),
        json!({ "sub": 1, "exp": soon }).to_string(),
        json!({ "sub": ["alice"], "exp": soon }).to_string(),
        json!({ "sub": "", "exp": soon }).to_string(),
        json!({ "sub": "alice ", "exp": soon }).to_string(),
        json!({ "sub": "alice archer", "exp": soon }).to_string(),
        json!({ "sub": "alice\0", "exp": soon }).to_string(),
        json!({ "sub": "nobody", "exp": soon }).to_string(),
        json!({ "sub": "alice' OR '1'='1", "exp": soon }).to_string(),
        json!([{ "sub": "alice", "exp": soon }]).to_string(),
        "null".to_owned(),
        String::new(),
        "{".repeat(3000),
    ] {
        refused(&server, &claims, &signed(&hs256, &claims)).await;
    }
}
