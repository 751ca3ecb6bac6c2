//! Upgrades: how a route takes over the connection that its request came on.

use std::cell::RefCell;
use std::pin::Pin;

use hyper_util::rt::TokioIo;

/// Connection after its upgrade, without HTTP.
pub type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// Consumer of an upgraded connection.
pub(super) type Handler =
    Box<dyn FnOnce(Option<Upgraded>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

tokio::task_local! {
    /// Handler that the request of this task has registered. Rocket's local client has no way to return it.
    static HANDLER: RefCell<Option<Handler>>;
}

/// Registers `handler` for the connection of the request that this task serves. The handler runs when the response,
/// which must have status 101, is being sent; it gets no connection if that broke meanwhile. Outside a request of the
/// [listener](super) it has no effect.
pub fn on_upgrade<F>(handler: impl FnOnce(Option<Upgraded>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let handler: Handler = Box::new(move |io| Box::pin(handler(io)));
    let _ = HANDLER.try_with(|slot| slot.replace(Some(handler)));
}

/// Runs `request`; returns its output with the handler that it registered.
pub(super) async fn collect<T>(request: impl Future<Output = T>) -> (T, Option<Handler>) {
    HANDLER
        .scope(RefCell::default(), async {
            let output = request.await;
            (output, HANDLER.with(RefCell::take))
        })
        .await
}
