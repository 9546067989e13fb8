// Loaded before every test file: uvu shows what an error carries as `details` only where that is text, and stops the whole
// file, silently, where it is a record, as a TalkspurtError's is. A record is shown as JSON.
// oxlint-disable-next-line no-extend-native -- the test library calls this method on what it takes for text
Object.defineProperty(Object.prototype, 'split', {
  configurable: true,
  writable: true,
  enumerable: false,
  value() {
    return [JSON.stringify(this)];
  },
});
