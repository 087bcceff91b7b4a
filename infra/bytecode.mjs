// Adds bytecode to a folder of Python modules: node infra/bytecode.mjs FOLDER
//
// Lambda cannot write what it compiles, so without bytecode every cold start compiles every
// module again. Python 3.14 is seldom on the machine that deploys; here it runs in Node.
// The sources stay in the archive: a Python of another version falls back to them.

const PYTHON = "314";  // as `python3.14` in infra/target.py; a test holds it

const COMPILE = `
import compileall, py_compile
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # times of an archive mean nothing
compileall.compile_dir("/archive", ddir="/var/task", quiet=1, invalidation_mode=unchecked)
`;

const { loadPyodide, version } = await import("pyodide").catch((error) => {
  console.error(`${error.message}\nekswatch: run \`npm ci\` first`);
  process.exit(1);
});
if (!version.startsWith(`${PYTHON}.`)) {
  throw new Error(`Pyodide ${version} is not Python ${PYTHON}`);
}
// The hash seed orders the members of sets, which are part of bytecode.
const python = await loadPyodide({ env: { PYTHONHASHSEED: "0" } });
python.mountNodeFS("/archive", process.argv[2]);
process.exitCode = python.runPython(COMPILE) ? 0 : 1;
