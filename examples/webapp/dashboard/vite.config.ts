import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const api = process.env.STOREORCH_WEB_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [react()],
  build: {
    // light-dark() stays as written: it follows the scheme that is chosen while the page is open.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    chunkSizeWarningLimit: 800,
  },
  server: { host: '127.0.0.1', proxy: { '/api': api } },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test/setup.ts'],
    css: false,
    // It imports a file without its ending, which bundlers find and Node does not.
    server: { deps: { inline: ['@rjsf/mantine'] } },
    maxWorkers: 2,
    testTimeout: 30_000,
  },
});
