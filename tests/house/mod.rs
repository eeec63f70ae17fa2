//! The harness of the stories: the real tasks, a scripted engine, a scripted board, a paused clock, and the broker's
//! two ends in the hand of the story.

#![allow(dead_code, reason = "each story uses a part of the harness")]

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use hob::{
    gauge::{Gauge, Label},
    house::{self, Parts},
    messages::{Arrival, Letter},
    settings::{Loaded, Place, Settings},
    tasks::{
        metering::Trouble,
        supply::{Line, Watched},
    },
};
use hob_core::units::{BasisPoints, Bytes, Micros, Milliwatts};
use hob_engine::{Parrot, ParrotHandle};
use hob_hal::memory::{Memory, MemoryError, MemoryReading};
use hob_hal::meter::Reading;
use hob_shelf::forge;
use hob_wire::properties::Properties;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// Nothing takes this long on a paused clock but a defect.
const FOR_EVER: Duration = Duration::from_hours(1);

pub(crate) struct House {
    pub(crate) parrot: ParrotHandle,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) shelf: PathBuf,
    memory: Arc<Mutex<u64>>,
    arrivals: Option<mpsc::Sender<Arrival>>,
    letters: mpsc::Receiver<Letter>,
    pub(crate) acks: Arc<Mutex<usize>>,
    pub(crate) troubles: mpsc::Sender<Trouble>,
    stop: CancellationToken,
    life: JoinHandle<()>,
    _dir: TempDir,
}

/// Free memory as the story says.
struct SaidMemory(Arc<Mutex<u64>>);

impl Memory for SaidMemory {
    fn read(&mut self) -> Result<MemoryReading, MemoryError> {
        let available = Bytes::from_mebibytes(*self.0.lock().unwrap());
        Ok(MemoryReading { total: Bytes::from_mebibytes(4_096), available, pressure: None })
    }
}

impl House {
    /// A house with two levels of a model called `tiny` on the shelf.
    pub(crate) fn new(settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shelf = dir.path().join("shelf");
        std::fs::create_dir(&shelf).unwrap();
        level(&shelf, "Q8_0", 4);
        level(&shelf, "Q4_0", 1);
        // The files differ in their layers alone: only the manifest knows which is the better one.
        measured(&shelf, &[("Q8_0", 9_900), ("Q4_0", 9_700)]);
        let settings = read_settings(settings, &dir);
        let start = Instant::now();
        let clock: hob_hal::clock::Clock = Arc::new(move || Micros(u64::try_from(start.elapsed().as_micros()).unwrap()));
        let label = Label { source: "simulated", bound: BasisPoints(0), idle: Milliwatts(2_000), doubted: false };
        let gauge = Gauge::new(clock, label);
        let (parrot, handle) = Parrot::new();
        let memory = Arc::new(Mutex::new(3_000));
        let (troubles, troubles_in) = mpsc::channel(64);
        let (arrivals, arrivals_in) = mpsc::channel(64);
        let (letters_out, letters) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let parts = Parts {
            heads: Arc::new(parrot),
            gauge: Arc::clone(&gauge),
            troubles: troubles_in,
            watched: Watched { pack: None, line: Line::None, converter: BasisPoints(9_000) },
            memory: [Box::new(SaidMemory(Arc::clone(&memory))), Box::new(SaidMemory(Arc::clone(&memory)))],
            prober: Arc::new(|_| Ok(())),
            loading: Arc::new(|_, _| ()),
            root: dir.path().to_owned(),
            arrivals: arrivals_in,
            letters: letters_out,
        };
        let token = stop.clone();
        let life = tokio::spawn(async move { house::run(parts, &settings, token).await.unwrap() });
        Self {
            parrot: handle,
            gauge,
            shelf,
            memory,
            arrivals: Some(arrivals),
            letters,
            acks: Arc::default(),
            troubles,
            stop,
            life,
            _dir: dir,
        }
    }

    /// From now on so many MiB are free.
    pub(crate) fn free_memory(&self, mebibytes: u64) {
        *self.memory.lock().unwrap() = mebibytes;
    }

    /// The board draws this, and so for the span: twenty readings a second.
    pub(crate) async fn draws(&self, milliwatts: u32, span: Duration) {
        const BEAT: Duration = Duration::from_millis(50);
        let end = Instant::now() + span;
        while Instant::now() < end {
            tokio::time::sleep(BEAT).await;
            self.gauge.read(&Reading::plain(Milliwatts(milliwatts), Micros(50_000)));
        }
    }

    /// A message comes in.
    pub(crate) async fn arrives(&self, topic: &str, payload: impl Into<Vec<u8>>, properties: Properties) {
        let acks = Arc::clone(&self.acks);
        let arrival = Arrival {
            topic: topic.into(),
            payload: payload.into(),
            properties,
            ack: Box::new(move || *acks.lock().unwrap() += 1),
        };
        self.arrivals.as_ref().unwrap().send(arrival).await.unwrap();
    }

    /// Somebody asks.
    pub(crate) async fn ask(&self, json: &Value) {
        self.arrives("hob/house/ask", json.to_string(), Properties::json()).await;
    }

    /// The next letter on a topic that ends like this; others are passed over.
    pub(crate) async fn hears(&mut self, ending: &str) -> Value {
        self.letter(ending).await.1
    }

    /// The same, with the letter itself.
    pub(crate) async fn letter(&mut self, ending: &str) -> (Letter, Value) {
        let wait = async {
            loop {
                let letter = self.letters.recv().await.expect("the house is dark");
                if letter.topic.ends_with(ending) {
                    let value = serde_json::from_slice(&letter.payload).unwrap();
                    return (letter, value);
                }
            }
        };
        tokio::time::timeout(FOR_EVER, wait).await.unwrap_or_else(|_| panic!("nothing was said on …{ending}"))
    }

    /// Everything that is said on topics that end like this, until the house is dark.
    pub(crate) async fn hears_to_the_end(&mut self, ending: &str) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(letter) = tokio::time::timeout(FOR_EVER, self.letters.recv()).await.unwrap() {
            if letter.topic.ends_with(ending) {
                all.push(serde_json::from_slice(&letter.payload).unwrap());
            }
        }
        all
    }

    /// Waits until the engine has so many prompts in hand.
    pub(crate) async fn in_hand(&self, count: usize) {
        let wait = async {
            while self.parrot.in_hand().len() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(FOR_EVER, wait)
            .await
            .unwrap_or_else(|_| panic!("never {count} in hand, but {:?}", self.parrot.in_hand()));
    }

    /// SIGTERM.
    pub(crate) fn close(&self) {
        self.stop.cancel();
    }

    /// Every task has ended.
    pub(crate) async fn goes_dark(self) {
        tokio::time::timeout(FOR_EVER, self.life).await.expect("the house does not close").unwrap();
    }
}

/// Puts a level onto the shelf: a real GGUF header with so many layers.
pub(crate) fn level(shelf: &std::path::Path, name: &str, layers: u64) {
    let tiny = forge::Tiny { layers, ..forge::Tiny::default() };
    let number = forge::Meta::U32(hob_shelf::gguf::level_number(name).unwrap());
    let model = forge::llama(&tiny, &forge::Words::bytes()).meta("general.file_type", number);
    model.write(&shelf.join(format!("tiny.{name}.gguf"))).unwrap();
}

/// Writes down how good the levels are, in hundredths of a percent.
fn measured(shelf: &std::path::Path, levels: &[(&str, u32)]) {
    let entry = |(name, score): &(&str, u32)| {
        let file = format!("tiny.{name}.gguf");
        let bytes = std::fs::metadata(shelf.join(&file)).unwrap().len();
        let quality = json!({"score_bp": score, "measured_by": "the story"});
        (file, json!({"model": "tiny", "level": name, "bytes": bytes, "quality": quality}))
    };
    let files: serde_json::Map<String, Value> = levels.iter().map(entry).collect();
    std::fs::write(shelf.join("shelf.json"), json!({ "files": files }).to_string()).unwrap();
}

fn read_settings(given: &[&str], dir: &TempDir) -> Settings {
    let own = [
        "device.id=house".to_owned(),
        format!("state.dir={}", dir.path().display()),
        format!("shelf.dir={}", dir.path().join("shelf").display()),
        "telemetry.every_s=3600".to_owned(),
    ];
    let flags = own.into_iter().chain(given.iter().map(ToString::to_string)).collect();
    Loaded::read(&Place { flags, ..Place::default() }).unwrap().settings
}
