/** The package ships no typings. */
declare module '@echogarden/speex-resampler-wasm/simd' {
  interface Speex {
    readonly HEAP16: Int16Array;
    readonly HEAPU32: Uint32Array;
    _malloc(bytes: number): number;
    _speex_resampler_init(channels: number, fromHz: number, toHz: number, quality: number, error: number): number;
    _speex_resampler_process_int(
      state: number,
      channel: number,
      from: number,
      fromLength: number,
      to: number,
      toLength: number,
    ): number;
  }
  export default function speex(): Promise<Speex>;
}
