use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

/// How long a start or a stop may take before something is wrong; the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary, as somebody would run it in the folder `home`: with these settings and no others.
pub(crate) fn feed_me(home: &Path, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feed-me"));
    command.current_dir(home).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FEEDME") {
            command.env_remove(name);
        }
    }
    command.envs(settings.iter().cloned());
    command
}

/// A server that runs. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Scheme, host and port.
    pub(crate) address: String,
    output: Arc<Mutex<String>>,
}

impl Server {
    /// Runs `feed-me serve` and waits until it says where it listens.
    pub(crate) fn start(home: &Path, settings: &[(String, String)]) -> Self {
        Self::try_start(home, settings).unwrap_or_else(|output| panic!("the server did not start:\n{output}"))
    }

    /// The same, or what the server wrote before it gave up.
    pub(crate) fn try_start(home: &Path, settings: &[(String, String)]) -> Result<Self, String> {
        let mut command = feed_me(home, settings);
        command.arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let (found, address) = mpsc::channel();
        listen(child.stdout.take().unwrap(), &output, found.clone());
        listen(child.stderr.take().unwrap(), &output, found);
        let begun = Instant::now();
        loop {
            match address.recv_timeout(Duration::from_millis(50)) {
                Ok(address) => return Ok(Self { child, address, output }),
                Err(mpsc::RecvTimeoutError::Timeout) if begun.elapsed() < PATIENCE => {}
                // Too late, or both streams are at their end: the process is gone, or will never say it.
                Err(_) => break,
            }
        }
        let _ = child.kill();
        let status = child.wait().unwrap();
        assert!(!status.success(), "a server that did not start ended with success");
        Err(output.lock().unwrap().clone())
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the process to stop, as an operator's service manager does.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of a process that was asked to stop.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server did not stop; it wrote:\n{}", self.output.lock().unwrap());
    }

    /// Ends the process at once, as a power cut does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it wrote so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let from = output.len().saturating_sub(4000);
            let from = (from..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(0);
            eprintln!("--- the last lines of the server:\n{}", &output[from..]);
        }
    }
}

/// Reads a stream to its end, so that the server never waits for us, and tells the address when it comes by.
fn listen(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>, found: mpsc::Sender<String>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line);
            if let Some((_, address)) = line.split_once("feed-me listens on ") {
                let address = address.split_whitespace().next().unwrap_or_default();
                let _ = found.send(address.trim_end_matches('/').to_owned());
            }
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}
