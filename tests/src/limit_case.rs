//! What every limit must hold at its edge, in one place: below it works; above it the client is
//! told; meanwhile another client does not notice, and the server's memory stays what it was.

use std::pin::Pin;

use crate::child::Child;
use crate::control_client::ControlClient;

/// By how much the server's peak memory may rise while a limit is met again and again. Where what is
/// refused can carry ballast, a case brings more than this: a server that kept it would be seen.
pub const MEMORY_GROWTH_KIB_MAX: u64 = 16 * 1024;

/// A limit under test.
pub struct LimitCase<'a> {
    /// The server's program.
    pub program: &'a str,
    /// Its flags: the limit, most often changed.
    pub flags: Vec<&'a str>,
    /// How often the limit is met.
    pub rounds: usize,
}

impl LimitCase<'_> {
    /// The same, met so often.
    #[must_use]
    pub fn rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// `within` is all that is allowed, and asserts that it works; what it returns is held while
    /// `above` asks for more, and asserts what it is told.
    pub fn holds<'a, S: 'a>(
        &'a self,
        within: impl AsyncFn(&Child) -> S + 'a,
        above: impl AsyncFn(&Child, &mut S) + 'a,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            let server = Child::start(self.program, &self.flags).await;
            let mut control_client = ControlClient::of(&server).await;
            let mut held = within(&server).await;
            // Buffers and arenas that a server has after its first clients are not growth.
            control_client.during(meet(&server, &mut held, &above, self.rounds.div_ceil(4))).await;
            let before = server.memory_peak_kib();
            control_client.during(meet(&server, &mut held, &above, self.rounds)).await;
            // The kernel's own count is off by some pages, either way.
            let grown = server.memory_peak_kib().saturating_sub(before);
            assert!(grown <= MEMORY_GROWTH_KIB_MAX, "the server's memory grew by {grown} KiB");
            // Whoever is within the limit again is served again.
            drop(held);
            control_client.during(within(&server)).await;
            control_client.bids_and_is_told().await;
            server.stop().await;
        })
    }
}

async fn meet<S>(
    server: &Child,
    held: &mut S,
    above: &impl AsyncFn(&Child, &mut S),
    rounds: usize,
) {
    for _ in 0..rounds {
        above(server, held).await;
    }
}
