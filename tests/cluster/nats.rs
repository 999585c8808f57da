//! A nats-server as a process, on loopback.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::NamedTempFile;

/// A nats-server; ended when it is dropped.
pub(crate) struct Nats {
    port: u16,
    process: Option<Child>,
    /// Who may sign in, if not everybody.
    config: Option<NamedTempFile>,
    env: Vec<(String, String)>,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

impl Nats {
    pub(crate) fn start() -> Self {
        Self::with(None, &[])
    }

    /// With a configuration, and the variables that it names.
    pub(crate) fn with(config: Option<&str>, env: &[(&str, &str)]) -> Self {
        let config = config.map(|text| {
            let file = NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), text).expect("it can be written");
            file
        });
        let env = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let mut nats = Self { port: free_port(), process: None, config, env };
        nats.start_again();
        nats
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// On the same port, after it was killed.
    pub(crate) fn start_again(&mut self) {
        let binary = std::env::var("GAVEL_TEST_NATS")
            .expect("GAVEL_TEST_NATS names a nats-server: tests/nats/run sets it");
        let port = self.port.to_string();
        let mut command = Command::new(binary);
        command.args(["--addr", "127.0.0.1", "--port", &port]);
        command.envs(self.env.iter().cloned());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config.path());
        }
        self.process = Some(command.stderr(Stdio::null()).spawn().expect("nats-server starts"));
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it is ours");
        process.wait().expect("it ends");
    }

    /// Stopped, its connections half open.
    pub(crate) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.as_ref().expect("it runs").id();
        kill(Pid::from_raw(id.cast_signed()), signal).expect("it is ours");
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}
