//! Threads for work that computes for milliseconds between two awaits, so that it does not delay
//! what the other threads serve. While it waits, for example for the table, it occupies none of
//! these threads either.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::context::TokioContext;
use tokio_util::task::AbortOnDropHandle;

use crate::limits;

/// The threads. Clones share them; they end with the last clone, whatever runs on them.
#[derive(Debug, Clone)]
pub struct ComputePool(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl ComputePool {
    /// A thread for every two cores.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores.div_ceil(limits::CORES_PER_COMPUTE_THREAD))
            .thread_name("compute")
            .build()?;
        Ok(Self(Arc::new(Threads { runtime: Some(runtime) })))
    }

    /// Runs a future on these threads. Tasks it spawns, and its timers and sockets, belong to the
    /// caller's runtime. Dropping the result ends it.
    pub async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let Some(runtime) = &self.0.runtime else {
            unreachable!("it is there until it is dropped")
        };
        let in_context = TokioContext::new(future, Handle::current());
        match AbortOnDropHandle::new(runtime.spawn(in_context)).await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The threads are ending, and so is the caller.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime must not be dropped inside another one in the usual way: that would block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};
    use tokio_util::task::TaskTracker;

    use super::*;

    fn on_its_threads() -> bool {
        std::thread::current().name() == Some("compute")
    }

    #[tokio::test]
    async fn a_future_computes_on_its_threads_and_what_it_spawns_does_not() {
        let pool = ComputePool::start().unwrap();
        let tasks = TaskTracker::new();
        let (here, there) = pool
            .run(async move {
                // A timer of the caller's runtime: the pool has none.
                sleep(Duration::from_millis(1)).await;
                let spawned = tasks.spawn(async { on_its_threads() });
                (on_its_threads(), spawned.await.unwrap())
            })
            .await;
        assert!(here && !there);
    }

    #[tokio::test]
    async fn what_waits_keeps_no_thread() {
        let pool = ComputePool::start().unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel::<u8>();
        let waiting = (0..99).map(|_| pool.run(std::future::pending::<()>()));
        let waiting: Vec<_> = waiting.map(Box::pin).collect();
        let all = futures_util::future::join_all(waiting);
        let answer = pool.run(async { receiver.await.unwrap() });
        let told = async {
            sender.send(7).unwrap();
            answer.await
        };
        tokio::select! {
            answer = timeout(Duration::from_secs(5), told) => assert_eq!(answer, Ok(7)),
            _ = all => unreachable!("they never end"),
        }
    }

    #[tokio::test]
    async fn who_leaves_ends_it() {
        struct Ends(Arc<AtomicBool>);
        impl Drop for Ends {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let pool = ComputePool::start().unwrap();
        let has_ended = Arc::new(AtomicBool::new(false));
        let ends = Ends(Arc::clone(&has_ended));
        let running = pool.run(async move {
            let _ends = ends;
            std::future::pending::<()>().await;
        });
        assert!(timeout(Duration::from_millis(20), running).await.is_err());
        let ended = async {
            while !has_ended.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(Duration::from_secs(5), ended).await.is_ok());
    }
}
