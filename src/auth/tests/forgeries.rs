//! Forgeries: algorithms, headers, signatures, malformed tokens.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::super::{MAX_TOKEN_BYTES, TokenError};
use super::{
    SECRET, authenticator, base64url, claims, claims_with, key_file, now, raw_token, refusal,
    signed, with_public_key, with_secret,
};

#[test]
fn a_secret_allows_hs256_hs384_and_hs512() {
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).expect("signs");
        assert!(
            authenticator(&with_secret()).verify(&token, now()).is_ok(),
            "{algorithm:?}"
        );
    }
}

#[test]
fn a_public_key_allows_the_one_algorithm_of_its_type() {
    let private = |name| std::fs::read(key_file(name)).expect("reads");
    let rsa = EncodingKey::from_rsa_pem(&private("rs256-private.pem")).expect("a key");
    let ec = EncodingKey::from_ec_pem(&private("es256-private.pem")).expect("a key");
    let ed = EncodingKey::from_ed_pem(&private("eddsa-private.pem")).expect("a key");
    for (file, algorithm, key) in [
        ("rs256-public.pem", Algorithm::RS256, &rsa),
        ("rs256-public-pkcs1.pem", Algorithm::RS256, &rsa),
        ("es256-public.pem", Algorithm::ES256, &ec),
        ("eddsa-public.pem", Algorithm::EdDSA, &ed),
    ] {
        let settings = with_public_key(file);
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), key).expect("signs");
        assert!(
            authenticator(&settings).verify(&token, now()).is_ok(),
            "{file}"
        );
        assert!(!authenticator(&settings).can_mint(), "{file}");
    }
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &rsa).expect("signs");
        assert_eq!(
            refusal(&with_public_key("rs256-public.pem"), &token),
            TokenError::WrongAlgorithm,
            "{algorithm:?}"
        );
    }
}

#[test]
fn no_header_talks_the_server_into_another_algorithm() {
    let payload = claims().to_string();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS1", "hs256", "ES512"] {
        let header = json!({"typ": "JWT", "alg": alg}).to_string();
        let unsigned = format!("{}.{}.", base64url(&header), base64url(&payload));
        assert_eq!(
            refusal(&with_secret(), &unsigned),
            TokenError::WrongAlgorithm,
            "{alg:?}"
        );
        let signed = raw_token(&header, &payload, SECRET.as_bytes());
        assert_eq!(
            refusal(&with_secret(), &signed),
            TokenError::WrongAlgorithm,
            "{alg:?}"
        );
    }
    let nameless = raw_token(r#"{"typ":"JWT"}"#, &payload, SECRET.as_bytes());
    assert_eq!(
        refusal(&with_secret(), &nameless),
        TokenError::WrongAlgorithm
    );
    for alg in ["RS256", "ES256", "EdDSA", "PS256"] {
        let header = json!({"alg": alg}).to_string();
        let token = raw_token(&header, &payload, SECRET.as_bytes());
        assert_eq!(
            refusal(&with_secret(), &token),
            TokenError::WrongAlgorithm,
            "{alg}"
        );
    }
}

#[test]
fn a_public_key_is_no_secret() {
    for file in ["rs256-public.pem", "es256-public.pem", "eddsa-public.pem"] {
        let pem = std::fs::read(key_file(file)).expect("reads");
        for alg in ["HS256", "HS384", "HS512"] {
            let header = json!({"alg": alg}).to_string();
            let token = raw_token(&header, &claims().to_string(), &pem);
            assert_eq!(
                refusal(&with_public_key(file), &token),
                TokenError::WrongAlgorithm
            );
        }
        let other = raw_token(r#"{"alg":"ES256"}"#, &claims().to_string(), &pem);
        assert!(
            authenticator(&with_public_key(file))
                .verify(&other, now())
                .is_err()
        );
    }
}

#[test]
fn keys_and_hints_at_keys_in_the_header_change_nothing() {
    let forger = b"the secret of somebody else, 32 bytes long";
    for header in [
        json!({"alg": "HS256", "jwk": {"kty": "oct", "k": base64url("the secret of somebody else")}}),
        json!({"alg": "HS256", "x5c": [base64url("certificate")]}),
        json!({"alg": "HS256", "jku": "https://forger.example/keys"}),
        json!({"alg": "HS256", "kid": "../../../dev/null"}),
        json!({"alg": "HS256", "kid": "' UNION SELECT 'secret"}),
    ] {
        let token = raw_token(&header.to_string(), &claims().to_string(), forger);
        assert_eq!(
            refusal(&with_secret(), &token),
            TokenError::BadSignature,
            "{header}"
        );
    }
    let empty_secret = raw_token(r#"{"alg":"HS256","kid":"/dev/null"}"#, "{}", b"");
    assert_eq!(
        refusal(&with_secret(), &empty_secret),
        TokenError::BadSignature
    );
    let honest = raw_token(
        r#"{"alg":"HS256","kid":"7"}"#,
        &claims().to_string(),
        SECRET.as_bytes(),
    );
    assert!(authenticator(&with_secret()).verify(&honest, now()).is_ok());
}

#[test]
fn critical_token_extensions_are_rejected() {
    let header = r#"{"alg":"HS256","crit":["b64"],"b64":false}"#;
    let token = raw_token(header, &claims().to_string(), SECRET.as_bytes());
    assert_eq!(refusal(&with_secret(), &token), TokenError::Malformed);
}

#[test]
fn a_wrong_secret_or_a_changed_letter_is_a_bad_signature() {
    let token = raw_token(r#"{"alg":"HS256"}"#, &claims().to_string(), b"wrong");
    assert_eq!(refusal(&with_secret(), &token), TokenError::BadSignature);

    let good = signed(&claims());
    let [header, payload, signature]: [&str; 3] = good
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .expect("three parts");
    let bob = base64url(&claims_with(&json!({"sub": "bob"})).to_string());
    let other = signed(&claims_with(&json!({"sub": "bob"})));
    let other_signature = other.rsplit('.').next().expect("a signature");
    for forged in [
        format!("{header}.{bob}.{signature}"),
        format!("{header}.{payload}.{other_signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{}", &signature[..40]),
    ] {
        assert_eq!(
            refusal(&with_secret(), &forged),
            TokenError::BadSignature,
            "{forged}"
        );
    }
}

#[test]
fn garbage_is_malformed() {
    let good = signed(&claims());
    let long = "x".repeat(MAX_TOKEN_BYTES + 1);
    let [header, payload, signature]: [&str; 3] = good
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .expect("three parts");
    for garbage in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "null",
        "Bearer x.y.z",
        "\0\0\0",
        "é.é.é",
        long.as_str(),
        &format!("{header}.{payload}"),
        &format!("{good}.{signature}"),
        &format!("{good}="),
        &format!(" {good}"),
        &format!("{good}\n"),
        &format!("{header}.{payload}.!!!!"),
        &raw_token("not json", "{}", SECRET.as_bytes()),
        &raw_token(r#"{"alg":null}"#, "{}", SECRET.as_bytes()),
        &raw_token(r#"{"alg":["HS256"]}"#, "{}", SECRET.as_bytes()),
        &raw_token(r#"{"alg":5}"#, "{}", SECRET.as_bytes()),
    ] {
        assert_eq!(
            refusal(&with_secret(), garbage),
            TokenError::Malformed,
            "{garbage:?}"
        );
    }
    for payload in [
        "not json",
        "[]",
        "null",
        "\"alice\"",
        "{}{}",
        r#"{"exp":1e999}"#,
    ] {
        let token = raw_token(r#"{"alg":"HS256"}"#, payload, SECRET.as_bytes());
        assert_eq!(
            refusal(&with_secret(), &token),
            TokenError::Malformed,
            "{payload}"
        );
    }
}

#[test]
fn a_token_of_up_to_8_kib_is_read() {
    let settings = with_secret();
    let token = signed(&claims_with(&json!({"filler": "x".repeat(5_900)})));
    assert!(
        token.len() > 7_900 && token.len() <= MAX_TOKEN_BYTES,
        "{}",
        token.len()
    );
    assert!(authenticator(&settings).verify(&token, now()).is_ok());
}
