//! Requests and answers of the control socket: a request in one line of JSON, then answers, one per line. Both ends are
//! this program, so the same types are read and written.

mod answer;
mod change;
mod keys;
mod request;
mod session;
mod status;
mod webhook_test;

pub use answer::Answer;
pub use change::Change;
pub use keys::{Key, Keys, Provider};
pub use request::{Endpoints, Request, WatchFilter, Webhooks};
pub use session::{Delivered, DeliveredTo, DeliveryStatus, Session};
pub use status::{NeedsRestart, Reloaded, Status};
pub use webhook_test::Tested;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_writes_the_other_reads() {
        for request in [
            Request::Status,
            Request::EndCall {
                call: "0192f0c1-7a4b-7c3d-8e5f-0123456789ab".to_owned(),
            },
            Request::Watch(WatchFilter {
                status: Some("MISSED".to_owned()),
                ..WatchFilter::default()
            }),
            Request::Prune {
                before: "2024-01-15T10:30:00.000Z".to_owned(),
            },
        ] {
            let line = request.to_line();
            assert_eq!(line.lines().count(), 1);
            assert_eq!(Request::read(line.as_bytes()), Ok(request));
        }
        let failed = Answer::Failed {
            message: "no\nsuch call".to_owned(),
        };
        assert_eq!(failed.to_line().lines().count(), 1);
        assert_eq!(Answer::read(&failed.to_line()), Ok(failed));
    }

    #[test]
    fn a_request_of_another_version_is_told_so() {
        let error = Request::read(br#"{"request":"sing"}"#).expect_err("unknown");
        assert!(error.contains("sing"), "{error}");
    }
}
