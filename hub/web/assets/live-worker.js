// One /live stream for all tabs of a browser lives here.
export {};
