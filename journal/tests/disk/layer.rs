//! The C side of the disk: an `SQLite` VFS over the system's own. See the folder's head for what it promises.
#![allow(unsafe_code, reason = "a VFS is a table of C functions")]
#![allow(
    clippy::as_conversions,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::cast_ptr_alignment,
    reason = "C's integers and pointers"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::{Arc, LazyLock};

use rusqlite::ffi::{self, SQLITE_CANTOPEN, SQLITE_OK, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use super::{Disk, Op};

/// What `SQLite` sees as a file.
#[repr(C)]
struct File {
    base: sqlite3_file,
    inner: *mut Inner,
}

struct Inner {
    disk: Arc<Disk>,
    name: String,
    /// Storage of the system's own file; u64 for its alignment.
    real: Vec<u64>,
}

impl Inner {
    fn real(&mut self) -> *mut sqlite3_file {
        self.real.as_mut_ptr().cast()
    }
}

/// Makes the layer known to `SQLite`, once.
pub(super) fn register() {
    static ONCE: LazyLock<()> = LazyLock::new(|| {
        // SAFETY: the default VFS lives as long as the process; so does the leaked copy.
        unsafe {
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            let mut own = *real;
            own.szOsFile = size_of::<File>() as c_int;
            own.zName = c"hob-disk".as_ptr();
            own.pNext = std::ptr::null_mut();
            own.pAppData = real.cast();
            own.xOpen = Some(open);
            own.xDelete = Some(delete);
            own.xAccess = Some(access);
            own.xFullPathname = Some(full);
            assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(own)), 0), SQLITE_OK);
        }
    });
    LazyLock::force(&ONCE);
}

unsafe fn system(vfs: *mut sqlite3_vfs) -> *mut sqlite3_vfs {
    unsafe { (*vfs).pAppData.cast() }
}

unsafe fn inner<'a>(file: *mut sqlite3_file) -> &'a mut Inner {
    unsafe { &mut *(*file.cast::<File>()).inner }
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        (*file).pMethods = std::ptr::null();
        if path.is_null() {
            return SQLITE_CANTOPEN; // a temporary file: the journal keeps those in memory
        }
        let Some((disk, name)) = CStr::from_ptr(path).to_str().ok().and_then(Disk::holding) else { return SQLITE_CANTOPEN };
        let new = !disk.dir.join(&name).exists();
        let mut record = disk.record.lock().unwrap();
        if new && let Some(code) = record.step() {
            return code;
        }
        let size = (*system(vfs)).szOsFile as usize;
        let mut made = Box::new(Inner { disk: Arc::clone(&disk), name: name.clone(), real: vec![0; size.div_ceil(8)] });
        let code = (*system(vfs)).xOpen.unwrap()(system(vfs), path, made.real(), flags, out);
        if code == SQLITE_OK {
            if new {
                record.ops.push(Op::Create(name));
            }
            (*file.cast::<File>()).inner = Box::into_raw(made);
            (*file).pMethods = &raw const METHODS;
        }
        code
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, path: *const c_char, sync: c_int) -> c_int {
    unsafe {
        let Some((disk, name)) = CStr::from_ptr(path).to_str().ok().and_then(Disk::holding) else { return SQLITE_CANTOPEN };
        let mut record = disk.record.lock().unwrap();
        if let Some(code) = record.step() {
            return code;
        }
        let code = (*system(vfs)).xDelete.unwrap()(system(vfs), path, sync);
        if code == SQLITE_OK {
            record.ops.push(Op::Delete(name, sync != 0));
        }
        code
    }
}

unsafe extern "C" fn access(vfs: *mut sqlite3_vfs, path: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    unsafe { (*system(vfs)).xAccess.unwrap()(system(vfs), path, flags, out) }
}

unsafe extern "C" fn full(vfs: *mut sqlite3_vfs, path: *const c_char, size: c_int, out: *mut c_char) -> c_int {
    unsafe { (*system(vfs)).xFullPathname.unwrap()(system(vfs), path, size, out) }
}

/// Calls the same function of the system's own file.
macro_rules! real {
    ($file:ident . $method:ident ( $($argument:expr),* )) => {{
        let real = inner($file).real();
        (*(*real).pMethods).$method.unwrap()(real $(, $argument)*)
    }};
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    unsafe {
        let code = real!(file.xClose());
        drop(Box::from_raw((*file.cast::<File>()).inner));
        code
    }
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, size: c_int, at: sqlite3_int64) -> c_int {
    unsafe { real!(file.xRead(to, size, at)) }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, size: c_int, at: sqlite3_int64) -> c_int {
    unsafe {
        let (disk, name) = (Arc::clone(&inner(file).disk), inner(file).name.clone());
        let mut record = disk.record.lock().unwrap();
        let fails = record.step();
        // A disk that fills up or fails takes a part first.
        let size = if fails.is_some() { size / 2 } else { size };
        let code = real!(file.xWrite(from, size, at));
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), size as usize).to_vec();
        record.ops.push(Op::Write(name, at as u64, bytes));
        fails.unwrap_or(code)
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    unsafe {
        let (disk, name) = (Arc::clone(&inner(file).disk), inner(file).name.clone());
        let mut record = disk.record.lock().unwrap();
        if let Some(code) = record.step() {
            return code;
        }
        record.ops.push(Op::Truncate(name, size as u64));
        real!(file.xTruncate(size))
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    unsafe {
        let (disk, name) = (Arc::clone(&inner(file).disk), inner(file).name.clone());
        let mut record = disk.record.lock().unwrap();
        if let Some(code) = record.step() {
            return code;
        }
        let code = real!(file.xSync(flags));
        record.ops.push(Op::Sync(name));
        code
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, out: *mut sqlite3_int64) -> c_int {
    unsafe { real!(file.xFileSize(out)) }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe { real!(file.xLock(level)) }
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe { real!(file.xUnlock(level)) }
}

unsafe extern "C" fn reserved(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    unsafe { real!(file.xCheckReservedLock(out)) }
}

unsafe extern "C" fn control(file: *mut sqlite3_file, what: c_int, with: *mut c_void) -> c_int {
    unsafe { real!(file.xFileControl(what, with)) }
}

unsafe extern "C" fn sector(file: *mut sqlite3_file) -> c_int {
    unsafe { real!(file.xSectorSize()) }
}

unsafe extern "C" fn device(file: *mut sqlite3_file) -> c_int {
    unsafe { real!(file.xDeviceCharacteristics()) }
}

/// Version 1: no shared memory, no memory maps, so nothing goes past `write`.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector),
    xDeviceCharacteristics: Some(device),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};
