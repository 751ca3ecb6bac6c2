//! Claims: times, user, issuer, audience, session, profile.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::TokenError;
use super::{
    NOW, SECRET, authenticator, claims_with, now, raw_token, refusal, signed, with_secret,
};
use crate::clock::Timestamp;
use crate::settings::Settings;

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
