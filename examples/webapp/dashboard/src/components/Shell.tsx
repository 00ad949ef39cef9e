import {
  ActionIcon,
  Container,
  Menu,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { IconLogout, IconMoon, IconSun, IconUser } from '@tabler/icons-react';
import { Link, Outlet, ScrollRestoration } from 'react-router';
import { useSession } from '../api/queries';
import { setToken } from '../api/token';
import { timeOfDay } from '../format';
import { useConnection } from '../live/context';
import { Logo } from './Logo';
import classes from './Shell.module.css';

const LABELS = { connecting: 'Connecting', live: 'Live', offline: 'Offline' } as const;

export function Shell() {
  return (
    <>
      <a href="#content" className={classes.skip}>
        Skip to the content
      </a>
      <header className={classes.header}>
        <Container size="xl" className={classes.bar ?? ''}>
          <Link to="/" className={classes.home} aria-label="storeorch, all stores">
            <Logo />
          </Link>
          <ConnectionPill />
          <ColorScheme />
          <Account />
        </Container>
        <OfflineBanner />
      </header>
      <main id="content" tabIndex={-1} className={classes.main}>
        <Container size="xl" py="xl">
          <Outlet />
        </Container>
      </main>
      <ScrollRestoration />
    </>
  );
}

function ConnectionPill() {
  const { connection } = useConnection();
  return (
    <div
      className={classes.pill}
      data-connection={connection}
      style={{ marginInlineStart: 'auto' }}
    >
      <span aria-hidden />
      {LABELS[connection]}
    </div>
  );
}

function OfflineBanner() {
  const { connection, since } = useConnection();
  return (
    <div role="status">
      {connection === 'offline' && (
        <div className={classes.offline}>
          No connection to the server. What you see is as it was at {timeOfDay(since)}. Trying
          again…
        </div>
      )}
    </div>
  );
}

function ColorScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false });
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      onClick={() => {
        setColorScheme(other);
      }}
      aria-label={`Switch to the ${other} theme`}
    >
      {scheme === 'dark' ? <IconSun size={18} aria-hidden /> : <IconMoon size={18} aria-hidden />}
    </ActionIcon>
  );
}

function Account() {
  const { data } = useSession();
  if (data?.auth !== 'on') return null;
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Account">
          <IconUser size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {data.actor} ({data.role})
        </Menu.Label>
        <Menu.Item
          leftSection={<IconLogout size={15} aria-hidden />}
          onClick={() => {
            setToken(null);
          }}
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
