import { Button, Center, Loader, Stack } from '@mantine/core';
import { createBrowserRouter } from 'react-router';
import { RouterProvider } from 'react-router/dom';
import { isUnauthorized } from './api/error';
import { useSession } from './api/queries';
import { ErrorNote } from './components/ErrorNote';
import { Shell } from './components/Shell';
import { TokenScreen } from './components/TokenScreen';
import { LiveProvider } from './live/LiveProvider';
import { NotFoundPage } from './pages/NotFoundPage';
import { StorePage } from './pages/StorePage';
import { StoresPage } from './pages/StoresPage';

const router = createBrowserRouter([
  {
    path: '/',
    element: <Shell />,
    children: [
      { index: true, element: <StoresPage /> },
      { path: 'stores/:id', element: <StorePage /> },
      { path: '*', element: <NotFoundPage /> },
    ],
  },
]);

/** The dashboard, once it is known who looks at it. */
export function App() {
  const session = useSession();
  if (session.isPending) {
    return (
      <Center mih="100dvh">
        <Loader aria-label="Loading" />
      </Center>
    );
  }
  if (session.isError) {
    if (isUnauthorized(session.error)) return <TokenScreen />;
    return (
      <Center mih="100dvh" p="md">
        <Stack maw={420}>
          <ErrorNote error={session.error} />
          <Button variant="default" onClick={() => void session.refetch()}>
            Try again
          </Button>
        </Stack>
      </Center>
    );
  }
  return (
    <LiveProvider>
      <RouterProvider router={router} />
    </LiveProvider>
  );
}
