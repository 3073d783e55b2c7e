/**
 * What is used of `@opentelemetry/api`, by its shape: the program hands its own copy in, so that this package depends on none, and
 * spans go where the program's other spans go. `C` is its context.
 */
export interface SpanLike {
  setAttribute(key: string, value: string | number | boolean): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(exception: Error): void;
  end(): void;
}

export interface TracerLike<C> {
  startSpan(name: string, options: { kind: number; attributes: Record<string, string | number | boolean> }, context: C): SpanLike;
}

export interface MeterLike {
  createHistogram(
    name: string,
    options: { unit: string; description: string },
  ): { record(value: number, attributes: Record<string, string>): void };
  createObservableGauge(name: string, options: { unit: string; description: string }): ObservableLike;
  createObservableCounter(name: string, options: { unit: string; description: string }): ObservableLike;
}

export interface ObservableLike {
  addCallback(callback: (result: ObservableResultLike) => void): void;
  removeCallback(callback: (result: ObservableResultLike) => void): void;
}

export interface ObservableResultLike {
  observe(value: number, attributes?: Record<string, string>): void;
}

export interface OpenTelemetryApi<C> {
  readonly trace: {
    getTracer(name: string, version?: string): TracerLike<C>;
    setSpan(context: C, span: SpanLike): C;
  };
  readonly context: {
    active(): C;
    with<T>(context: C, run: () => T): T;
  };
  readonly propagation: {
    inject(context: C, carrier: Record<string, string>): void;
    extract(context: C, carrier: Record<string, string>): C;
  };
  readonly metrics: {
    getMeter(name: string, version?: string): MeterLike;
  };
}

/** The numbers of `SpanKind` and `SpanStatusCode`, which are part of its stable interface. */
export const SPAN_KIND = { server: 1, client: 2, producer: 3, consumer: 4 } as const;
export const STATUS_ERROR = 2;
