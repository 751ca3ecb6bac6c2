//! Keys: secrets, public keys, certificates, and those that are refused.

use std::io::Write;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use super::super::{Authenticator, KeyError, TokenError};
use super::{
    SECRET, authenticator, claims, key_file, now, refusal, signed, with_public_key, with_secret,
};
use crate::settings::Settings;
use crate::user::UserId;

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
