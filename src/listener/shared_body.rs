//! Bodies of responses that are in memory once, however many clients read them slowly.

use std::cell::RefCell;
use std::io::Cursor;

use hyper::body::Bytes;
use rocket::Request;
use rocket::response::{self, Responder, Response};

tokio::task_local! {
    /// Body of the response to the request of this task. Rocket's response would be read in pieces, with memory for each
    /// connection.
    static BODY: RefCell<Option<Bytes>>;
}

/// Body that all its responses share.
pub struct SharedBody(pub Bytes);

impl<'r> Responder<'r, 'static> for SharedBody {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        // Outside a request of the listener there is no slot, and Rocket's body is read.
        let _ = BODY.try_with(|slot| slot.replace(Some(self.0.clone())));
        Response::build()
            .sized_body(self.0.len(), Cursor::new(self.0))
            .ok()
    }
}

/// Runs `request`; returns its output with the shared body of its response.
pub(super) async fn collect<T>(request: impl Future<Output = T>) -> (T, Option<Bytes>) {
    BODY.scope(RefCell::default(), async {
        let output = request.await;
        (output, BODY.with(RefCell::take))
    })
    .await
}
