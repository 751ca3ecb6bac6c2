//! Forgeries, and the tokens that must pass.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{Authenticator, KeyError, MAX_TOKEN_BYTES, MintError, TokenError};
use crate::clock::Timestamp;
use crate::settings::Settings;
use crate::user::UserId;

const SECRET: &str = "a secret for the tests, of 32 bytes or more";
/// 2024-01-15T10:30:00Z, in seconds.
const NOW: i64 = 1_705_314_600;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1_000)
}

fn key_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/test-keys")
        .join(name)
}

fn with_secret() -> Settings {
    Settings {
        jwt_secret: vec![SecretString::from(SECRET)],
        ..Settings::default()
    }
}

fn with_public_key(name: &str) -> Settings {
    Settings {
        jwt_public_key_file: vec![key_file(name)],
        ..Settings::default()
    }
}

fn authenticator(settings: &Settings) -> Authenticator {
    Authenticator::from_settings(settings).expect("a usable key")
}

fn claims() -> Value {
    json!({"sub": "alice", "exp": NOW + 60})
}

/// `claims()` with other ones over it; null takes a claim away.
fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => claims.as_object_mut().expect("an object").remove(name),
            value => claims
                .as_object_mut()
                .expect("an object")
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .expect("signs")
}

/// A token of exactly this header and payload, signed well with HS256 and `secret`.
fn raw_token(header: &str, payload: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signs");
    format!("{message}.{signature}")
}

fn base64url(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            let letter = bits >> (18 - 6 * index) & 0x3f;
            encoded.push(char::from(LETTERS[letter as usize]));
        }
    }
    encoded
}

fn refusal(settings: &Settings, token: &str) -> TokenError {
    authenticator(settings)
        .verify(token, now())
        .expect_err("a forgery")
}

#[test]
fn a_good_token_names_its_user_session_and_end() {
    let token = signed(&claims_with(&json!({
        "sid": "phone-1", "jti": "j", "name": "Alice", "picture": "https://example.com/a.png"
    })));
    let claims = authenticator(&with_secret())
        .verify(&token, now())
        .expect("good");
    assert_eq!(claims.user.as_str(), "alice");
    assert_eq!(claims.session.as_str(), "phone-1");
    assert_eq!(
        claims.expires_at,
        Timestamp::from_millis((NOW + 60) * 1_000)
    );
    assert_eq!(claims.name.as_deref(), Some("Alice"));
    assert_eq!(claims.picture.as_deref(), Some("https://example.com/a.png"));
}

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

#[test]
fn exp_is_required_and_a_number_of_seconds_up_to_the_year_9999() {
    let missing = signed(&claims_with(&json!({"exp": null})));
    assert_eq!(
        refusal(&with_secret(), &missing),
        TokenError::MissingClaim("exp".into())
    );
    for odd in [
        "null",
        r#""1705314660""#,
        "true",
        "[1705314660]",
        "{}",
        "-1",
        "-0.5",
        "1e300",
        "253402300800",
        "18446744073709551615",
        "99999999999999999999",
    ] {
        let payload = format!(r#"{{"sub":"alice","exp":{odd}}}"#);
        let token = raw_token(r#"{"alg":"HS256"}"#, &payload, SECRET.as_bytes());
        assert_eq!(
            refusal(&with_secret(), &token),
            TokenError::BadClaim("exp".into()),
            "{odd}"
        );
    }
    for fine in ["253402300799", "1705314660.5", "1.70531466e9"] {
        let payload = format!(r#"{{"sub":"alice","exp":{fine}}}"#);
        let token = raw_token(r#"{"alg":"HS256"}"#, &payload, SECRET.as_bytes());
        assert!(
            authenticator(&with_secret()).verify(&token, now()).is_ok(),
            "{fine}"
        );
    }
}

#[test]
fn a_token_expires_30_seconds_after_exp() {
    let authenticator = authenticator(&with_secret());
    let token = signed(&claims_with(&json!({"exp": NOW})));
    let last = now().plus(Duration::from_millis(29_999));
    assert!(authenticator.verify(&token, last).is_ok());
    let too_late = now().plus(Duration::from_secs(30));
    assert_eq!(
        authenticator.verify(&token, too_late),
        Err(TokenError::Expired)
    );
}

#[test]
fn a_token_is_valid_from_30_seconds_before_nbf() {
    for (not_before, result) in [
        (json!(NOW + 30), None),
        (json!(NOW + 31), Some(TokenError::NotYetValid)),
        (json!(1_705_314_630.5), Some(TokenError::NotYetValid)),
        (json!("now"), Some(TokenError::BadClaim("nbf".into()))),
        (json!(-1), Some(TokenError::BadClaim("nbf".into()))),
    ] {
        let token = signed(&claims_with(&json!({"nbf": not_before})));
        let refusal = authenticator(&with_secret()).verify(&token, now()).err();
        assert_eq!(refusal, result, "{not_before}");
    }
}

#[test]
fn sub_is_required_and_a_user_id() {
    for (sub, error) in [
        (json!(null), TokenError::MissingClaim("sub".into())),
        (json!(""), TokenError::BadClaim("sub".into())),
        (json!(7), TokenError::BadClaim("sub".into())),
        (json!(["alice"]), TokenError::BadClaim("sub".into())),
        (json!("a b"), TokenError::BadClaim("sub".into())),
        (json!("x".repeat(256)), TokenError::BadClaim("sub".into())),
        (json!("alice\u{0}"), TokenError::BadClaim("sub".into())),
    ] {
        let token = signed(&claims_with(&json!({"sub": sub})));
        assert_eq!(refusal(&with_secret(), &token), error, "{sub}");
    }
}

#[test]
fn issuer_and_audience_are_checked_where_they_are_set() {
    let settings = Settings {
        jwt_issuer: Some("https://login.example".to_owned()),
        jwt_audience: vec!["other".to_owned(), "chattrix".to_owned()],
        ..with_secret()
    };
    let good = json!({"iss": "https://login.example", "aud": "chattrix"});
    let among_others = json!({"iss": "https://login.example", "aud": ["chat", "chattrix"]});
    for fine in [&good, &among_others] {
        assert!(
            authenticator(&settings)
                .verify(&signed(&claims_with(fine)), now())
                .is_ok()
        );
        assert!(
            authenticator(&with_secret())
                .verify(&signed(&claims_with(fine)), now())
                .is_ok()
        );
    }
    for (claim, value, error) in [
        ("iss", json!(null), TokenError::MissingClaim("iss".into())),
        (
            "iss",
            json!("https://login.example/"),
            TokenError::WrongIssuer,
        ),
        (
            "iss",
            json!(["https://login.example"]),
            TokenError::WrongIssuer,
        ),
        ("aud", json!(null), TokenError::MissingClaim("aud".into())),
        ("aud", json!("chat"), TokenError::WrongAudience),
        ("aud", json!(["chat"]), TokenError::WrongAudience),
        ("aud", json!([]), TokenError::WrongAudience),
        ("aud", json!({"chattrix": true}), TokenError::WrongAudience),
    ] {
        let mut changes = good.clone();
        changes[claim] = value.clone();
        let token = signed(&claims_with(&changes));
        assert_eq!(refusal(&settings, &token), error, "{claim} {value}");
    }
}

#[test]
fn the_session_is_sid_else_jti_else_a_digest_of_the_token() {
    let session = |changes: Value| {
        let token = signed(&claims_with(&changes));
        let claims = authenticator(&with_secret())
            .verify(&token, now())
            .expect("good");
        claims.session.as_str().to_owned()
    };
    assert_eq!(session(json!({"sid": "s", "jti": "j"})), "s");
    assert_eq!(session(json!({"jti": "j"})), "j");
    assert_eq!(session(json!({"sid": "", "jti": "j"})), "j");
    assert_eq!(session(json!({"sid": 7, "jti": "j"})), "j");
    assert_eq!(session(json!({"sid": "x".repeat(129), "jti": "j"})), "j");
    assert_eq!(session(json!({"sid": "x".repeat(128)})), "x".repeat(128));
    assert_eq!(session(json!({"session_id": "s", "jti": "j"})), "s");
    assert_eq!(session(json!({"origin_jti": "o", "jti": "j"})), "o");
    assert_eq!(session(json!({"sid": "", "origin_jti": "o"})), "o");
    let digest = session(json!({}));
    assert_eq!(digest.len(), 32);
    assert_eq!(session(json!({})), digest);
    assert_ne!(session(json!({"exp": NOW + 61})), digest);
}

#[test]
fn name_is_cleaned_and_a_wrong_picture_is_left_out() {
    let token = signed(&claims_with(
        &json!({"name": "a\u{1b}[2J", "picture": "javascript:1"}),
    ));
    let claims = authenticator(&with_secret())
        .verify(&token, now())
        .expect("good");
    assert_eq!(
        (claims.name.as_deref(), claims.picture),
        (Some("a [2J"), None)
    );
}

#[test]
fn a_minted_token_is_accepted_until_its_time_is_over() {
    let settings = Settings {
        jwt_issuer: Some("me".to_owned()),
        jwt_audience: vec!["you".to_owned()],
        ..with_secret()
    };
    let authenticator = authenticator(&settings);
    let alice = UserId::parse("alice").expect("an id");
    let mint = || {
        authenticator
            .mint(&alice, Duration::from_hours(1), now())
            .expect("mints")
    };
    let token = mint();
    let claims = authenticator
        .verify(token.expose_secret(), now())
        .expect("good");
    assert_eq!(claims.user, alice);
    assert_eq!(claims.expires_at, now().plus(Duration::from_hours(1)));
    let another = authenticator
        .verify(mint().expose_secret(), now())
        .expect("good");
    assert_ne!(claims.session, another.session);
    let later = now().plus(Duration::from_secs(3_630));
    assert_eq!(
        authenticator.verify(token.expose_secret(), later),
        Err(TokenError::Expired)
    );
}

#[test]
fn a_public_key_mints_nothing() {
    let authenticator = authenticator(&with_public_key("es256-public.pem"));
    let alice = UserId::parse("alice").expect("an id");
    let result = authenticator.mint(&alice, Duration::from_hours(1), now());
    assert!(matches!(result, Err(MintError::OnlyPublicKey)));
}

#[test]
fn the_secret_in_a_file_may_end_in_a_line_break() {
    for end in ["", "\n", "\r\n"] {
        let mut file = NamedTempFile::new().expect("a file");
        write!(file, "{SECRET}{end}").expect("writes");
        let settings = Settings {
            jwt_secret_file: vec![file.path().to_owned()],
            ..Settings::default()
        };
        assert!(
            authenticator(&settings)
                .verify(&signed(&claims()), now())
                .is_ok(),
            "{end:?}"
        );
    }
}

/// The keys of `files` in one file, as PEM blocks.
fn bundle(files: &[&str]) -> NamedTempFile {
    let mut bundle = NamedTempFile::new().expect("a file");
    for name in files {
        let pem = std::fs::read(key_file(name)).expect("reads");
        bundle.write_all(&pem).expect("writes");
    }
    bundle
}

#[test]
fn any_key_verifies_and_the_first_secret_signs() {
    let old = "the secret that is about to be replaced";
    let bundle = bundle(&["rs256-public.pem", "es256-public.pem"]);
    let settings = Settings {
        jwt_secret: [SECRET, old].map(SecretString::from).to_vec(),
        jwt_public_key_file: vec![bundle.path().to_owned(), key_file("eddsa-public.pem")],
        ..Settings::default()
    };
    let authenticator = authenticator(&settings);
    let pem = |name| std::fs::read(key_file(name)).expect("reads");
    let keys = [
        (
            Algorithm::HS256,
            EncodingKey::from_secret(SECRET.as_bytes()),
        ),
        (Algorithm::HS512, EncodingKey::from_secret(old.as_bytes())),
        (
            Algorithm::RS256,
            EncodingKey::from_rsa_pem(&pem("rs256-private.pem")).expect("a key"),
        ),
        (
            Algorithm::ES256,
            EncodingKey::from_ec_pem(&pem("es256-private.pem")).expect("a key"),
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(&pem("eddsa-private.pem")).expect("a key"),
        ),
    ];
    for (algorithm, key) in &keys {
        let token = jsonwebtoken::encode(&Header::new(*algorithm), &claims(), key).expect("signs");
        assert!(authenticator.verify(&token, now()).is_ok(), "{algorithm:?}");
    }
    let stranger = EncodingKey::from_secret(b"a secret that is not among the configured ones");
    let token = jsonwebtoken::encode(&Header::default(), &claims(), &stranger).expect("signs");
    assert_eq!(
        authenticator.verify(&token, now()).err(),
        Some(TokenError::BadSignature)
    );

    let user = UserId::parse("alice").expect("an id");
    let minted = authenticator
        .mint(&user, Duration::from_mins(1), now())
        .expect("signs");
    let only_first = Authenticator::from_settings(&with_secret()).expect("a key");
    assert!(only_first.verify(minted.expose_secret(), now()).is_ok());
}

#[test]
fn a_public_key_among_secrets_is_no_secret() {
    let public = std::fs::read(key_file("rs256-public.pem")).expect("reads");
    let settings = Settings {
        jwt_public_key_file: vec![key_file("rs256-public.pem")],
        ..with_secret()
    };
    let forged = jsonwebtoken::encode(
        &Header::default(),
        &claims(),
        &EncodingKey::from_secret(&public),
    )
    .expect("signs");
    assert_eq!(refusal(&settings, &forged), TokenError::BadSignature);
}

#[test]
fn certificates_have_the_key_that_they_certify() {
    for (name, algorithm) in [("rs256", Algorithm::RS256), ("es256", Algorithm::ES256)] {
        let private = key_file(&format!("{name}-private.pem"));
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = folder.path().join("certificate.pem");
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-days", "2", "-subj", "/CN=issuer", "-key"])
            .arg(&private)
            .arg("-out")
            .arg(&certificate)
            .status();
        assert!(made.expect("openssl").success());
        let pem = std::fs::read(&private).expect("reads");
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(&pem),
            _ => EncodingKey::from_ec_pem(&pem),
        };
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key.expect("a key"))
            .expect("signs");
        let settings = Settings {
            jwt_public_key_file: vec![certificate],
            ..Settings::default()
        };
        assert!(
            authenticator(&settings).verify(&token, now()).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn one_bad_block_refuses_the_whole_file() {
    let bundle = bundle(&["rs256-public.pem", "p384-public.pem"]);
    let settings = Settings {
        jwt_public_key_file: vec![bundle.path().to_owned()],
        ..Settings::default()
    };
    let error = Authenticator::from_settings(&settings).expect_err("a curve we lack");
    assert!(matches!(error, KeyError::NoPublicKey(_)), "{error}");
}

#[test]
fn without_a_key_the_settings_to_set_are_named() {
    let error = Authenticator::from_settings(&Settings::default()).expect_err("no key");
    let sentence = error.to_string();
    for name in [
        "jwt_secret_file",
        "jwt_secret",
        "jwt_public_key_file",
        "serve --dev",
    ] {
        assert!(sentence.contains(name), "{sentence}");
    }
}

#[test]
fn a_key_that_will_not_do_is_refused_with_its_setting_and_file() {
    let error = |settings: &Settings| Authenticator::from_settings(settings).expect_err("refused");
    let short = Settings {
        jwt_secret: vec![SecretString::from("short")],
        ..Settings::default()
    };
    assert!(matches!(
        error(&short),
        KeyError::ShortSecret {
            setting: "jwt_secret",
            bytes: 5
        }
    ));
    let absent = Settings {
        jwt_secret_file: vec!["no/such/file".into()],
        ..Settings::default()
    };
    let sentence = error(&absent).to_string();
    assert!(
        sentence.contains("jwt_secret_file") && sentence.contains("no/such/file"),
        "{sentence}"
    );
    assert!(matches!(
        error(&with_public_key("es256-private.pem")),
        KeyError::PrivateKey(_)
    ));
    for file in [
        "p384-public.pem",
        "secp256k1-public.pem",
        "x25519-public.pem",
        "rsa-1024-public.pem",
        "README.md",
    ] {
        let error = error(&with_public_key(file));
        assert!(matches!(error, KeyError::NoPublicKey(_)), "{file}: {error}");
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn keys_with_which_anyone_signs_are_refused() {
    for (file, problem) in [
        ("rsa-exponent-1-public.pem", "its RSA exponent"),
        ("rsa-exponent-even-public.pem", "its RSA exponent"),
        ("eddsa-low-order-public.pem", "low order"),
    ] {
        let error = Authenticator::from_settings(&with_public_key(file)).expect_err(file);
        let sentence = error.to_string();
        assert!(
            matches!(error, KeyError::Unsafe { .. }) && sentence.contains(problem),
            "{file}: {sentence}"
        );
    }
}

#[test]
fn debug_output_shows_no_key() {
    let shown = format!("{:?} {:?}", authenticator(&with_secret()), with_secret());
    assert!(!shown.contains(SECRET), "{shown}");
}
